import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { IndexDamaged } from '../../core/ports/text-index.ts';
import { columnOf, PostingsWriter, readPostings, type Posting } from './postings.ts';

const size = fc.nat(2 ** 30);
const posting = fc.record({
  passage: fc.nat(2 ** 40),
  sizes: fc.tuple(size, size, size),
  places: fc.uniqueArray(fc.nat(2 ** 31), { maxLength: 20 }).map((places) => places.toSorted((a, b) => a - b)),
});
const row = fc
  .uniqueArray(posting, { selector: ({ passage }) => passage, maxLength: 10 })
  .map((all) => all.toSorted((a, b) => a.passage - b.passage));

function write(postings: readonly Posting[]): Uint8Array {
  const writer = new PostingsWriter();
  for (const { passage, sizes, places } of postings) writer.add(passage, sizes, places);
  return writer.finish();
}

it('reads what was written, however many rows stand behind each other', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 4 }), (rows) => {
      expect([...readPostings(Buffer.concat(rows.map(write)))]).toEqual(rows.flat());
    }),
  );
});

it('reads any bytes, or says that they are damaged', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        expect([...readPostings(bytes)].length).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(IndexDamaged);
      }
    }),
  );
});

it('knows the column of a place', () => {
  expect([0, 1, 3, 4, 5, 7].map((place) => columnOf([2, 3, 2], place))).toEqual([0, 0, 1, 1, 1, 2]);
});
