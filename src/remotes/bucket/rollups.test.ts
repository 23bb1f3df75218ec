import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSpaceWriter } from '../../../tests/contracts/space-writer.ts';
import { createFaultyBlobs } from '../../../tests/doubles/faulty-blobs.ts';
import { createMemoryBucket } from '../../blobs/memory/memory-bucket.ts';
import { bytesToHex } from '../../core/ids.ts';
import { EMPTY_HEAD, encodeRecord, headAfter, type Head, type LogRecord } from '../../core/log/record.ts';
import { createBucketLog } from './bucket-log.ts';
import { encodeSegment } from './segment.ts';

const COUNT = 4_096 + 100;
const random = { bytes: (length: number): Uint8Array => randomBytes(length) };

it('lets a machine read thousands of small segments with few requests, once somebody did so', async () => {
  const bucket = createMemoryBucket();
  const raw = bucket.open();
  const writer = createSpaceWriter();
  const records: LogRecord[] = [writer.genesis, ...writer.chain(headAfter(writer.genesis), COUNT - 1)];
  for (const record of records) {
    const number = record.header.position;
    const info = { first: number, head: headAfter(record), dropBefore: null, nonce: bytesToHex(randomBytes(16)) };
    await raw.create(`s/log/${String(number).padStart(10, '0')}`, encodeSegment(info, [encodeRecord(record)]));
  }
  const readAll = async (): Promise<{ requests: number; head: Head }> => {
    let requests = 0;
    const blobs = createFaultyBlobs(bucket.open(), () => {
      requests += 1;
      return null;
    });
    const log = createBucketLog(blobs, 's', random);
    let head = EMPTY_HEAD;
    for (;;) {
      const page = await log.read(head.position + 1, { records: 1_000, bytes: 1024 * 1024 });
      if (page.records.length === 0) return { requests, head };
      for (const bytes of page.records) {
        const record = records[head.position + 1] as LogRecord;
        expect(Buffer.from(bytes).equals(encodeRecord(record))).toBe(true);
        head = headAfter(record);
      }
    }
  };
  expect((await readAll()).head.position).toBe(COUNT - 1);
  const { requests, head } = await readAll();
  expect(head.position).toBe(COUNT - 1);
  expect(requests).toBeLessThan(120);
});
