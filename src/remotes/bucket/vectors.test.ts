import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { ObjectId, RecordHash, SpaceId } from '../../core/ids.ts';
import { encodeNote } from './bucket-checkpoints.ts';
import { encodeLetter } from './letter.ts';
import { encodeDropSegment, encodeRollup, encodeSegment, type SegmentInfo } from './segment.ts';
import { encodeEntry } from './space-register.ts';

const nonce = new Uint8Array(16).fill(4);
const head = { term: 1, position: 7, hash: 'ab'.repeat(32) as RecordHash };
const info: SegmentInfo = { first: 7, head, dropBefore: 3, nonce: '04'.repeat(16) };
const record = Buffer.from('record');

/** Fixed fields in, bytes out: what stands in docs/formats-bucket.md, and on people's buckets. */
const VECTORS: Readonly<Record<string, Buffer>> = {
  segment: encodeSegment(info, [record]),
  deletion: encodeDropSegment({ ...info, first: 8 }, [{ id: '5a'.repeat(32) as ObjectId, generation: 1 }]),
  rollup: encodeRollup({ ...info, first: 6 }, [record, record]),
  note: encodeNote({ position: 7, hash: 'cd'.repeat(32), nonce: '04'.repeat(16) }),
  letter: encodeLetter({ slot: 'offer', expires: 1_750_000_000_000, bytes: Buffer.from('hello') }, nonce),
  clearing: encodeLetter({ slot: null, expires: 1_750_000_000_000, bytes: new Uint8Array(0) }, nonce),
  entry: encodeEntry('5a'.repeat(32) as SpaceId, nonce),
};

it.each(Object.entries(VECTORS))('makes the bytes of a %s that docs/formats-bucket.md promises', (name, bytes) => {
  const page = readFileSync(new URL('../../../docs/formats-bucket.md', import.meta.url), 'utf8');
  expect(page).toContain(`| ${name} | \`${bytes.toString('hex')}\` |`);
});
