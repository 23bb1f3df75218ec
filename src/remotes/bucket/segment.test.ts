import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSpaceWriter } from '../../../tests/contracts/space-writer.ts';
import { bytesToHex, type ObjectId } from '../../core/ids.ts';
import { encodeRecord, headAfter, type LogRecord } from '../../core/log/record.ts';
import { encodeDropSegment, encodeRollup, encodeSegment, parseSegment, parseSegmentInfo, type SegmentInfo } from './segment.ts';

const writer = createSpaceWriter();
const records = [writer.genesis, ...writer.chain(headAfter(writer.genesis), 3)];
const info: SegmentInfo = { first: 0, head: headAfter(records.at(-1) as LogRecord), dropBefore: null, nonce: '07'.repeat(16) };
const encoded = records.map((record) => Buffer.from(encodeRecord(record)));
const segment = encodeSegment(info, encoded);
const dropped = [{ id: 'ab'.repeat(32) as ObjectId, generation: 3 }];
const dropInfo: SegmentInfo = { ...info, first: 4, dropBefore: 2 };
const drop = encodeDropSegment(dropInfo, dropped);

describe('segments in a bucket', () => {
  it('come back as they were written', () => {
    expect(parseSegment(segment, 'LOG1')).toEqual({ info, records: encoded, dropped: [] });
    expect(parseSegment(drop, 'LOG1')).toEqual({ info: dropInfo, records: [], dropped });
    const rolledUp = { ...info, nonce: '00'.repeat(16) };
    expect(parseSegment(encodeRollup(info, encoded), 'ROL1')).toEqual({ info: rolledUp, records: encoded, dropped: [] });
  });

  it('differ by their nonce alone, and rollups of the same segments do not', () => {
    expect(encodeSegment({ ...info, nonce: bytesToHex(randomBytes(16)) }, encoded).equals(segment)).toBe(false);
    expect(encodeRollup(info, encoded).equals(encodeRollup(info, encoded))).toBe(true);
  });

  it('tell their head from their beginning', () => {
    expect(parseSegmentInfo(segment.subarray(0, 300), false, 'LOG1')).toEqual(info);
    expect(parseSegmentInfo(segment.subarray(0, 300), true, 'LOG1')).toMatch(/were announced/);
    expect(parseSegmentInfo(segment.subarray(0, 100), false, 'LOG1')).toMatch(/head is longer/);
  });

  it.each([
    ['of another kind', 'ROL1', segment],
    ['cut off', 'LOG1', segment.subarray(0, -1)],
    ['longer', 'LOG1', Buffer.concat([segment, Buffer.alloc(1)])],
    ['empty', 'LOG1', Buffer.alloc(0)],
    ['of fewer records than it says', 'LOG1', encodeSegment(info, encoded.slice(1))],
    ['that ends in another record than it says', 'LOG1', encodeSegment(info, encoded.toReversed())],
    ['of positions that run backwards', 'LOG1', encodeSegment({ ...info, first: 6 }, [])],
    ['that drops half an object', 'LOG1', Buffer.from(encodeSegment({ ...info, first: 4 }, [Buffer.alloc(33)]))],
  ] as const)('are refused where one is %s', (_, kind, bytes) => {
    expect(parseSegment(bytes, kind)).toBeTypeOf('string');
  });

  it('never throw, whatever bytes there are, and take no changed byte for right', () => {
    fc.assert(
      fc.property(fc.constantFrom(segment, drop), fc.nat(), fc.integer({ min: 1, max: 255 }), (whole, at, flip) => {
        const bytes = Buffer.from(whole);
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ flip;
        expect(parseSegment(bytes, 'LOG1')).toBeTypeOf('string');
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, isFramed) => {
        const whole = isFramed ? Buffer.concat([segment.subarray(0, 56), bytes]) : bytes;
        expect(parseSegment(whole, 'LOG1')).toBeTypeOf('string');
        expect(parseSegmentInfo(whole, false, 'LOG1')).toBeTypeOf('string');
      }),
      { numRuns: 300 },
    );
  });
});
