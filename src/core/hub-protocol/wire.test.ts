import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, type ObjectId, type RecordHash, type SpaceId } from '../ids.ts';
import type { Head } from '../log/record.ts';
import type { AppendOutcome } from '../ports/remote.ts';
import {
  decodeAppend,
  decodeHead,
  decodeIds,
  decodeLiveLine,
  decodeObjectAnswer,
  decodeObjects,
  decodeOutcome,
  decodePage,
  decodePresence,
  encodeAppend,
  encodeHead,
  encodeIds,
  encodeLiveLine,
  encodeObjectAnswer,
  encodeObjects,
  encodeOutcome,
  encodePage,
  encodePresence,
} from './wire.ts';

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex);
const bytes = fc.uint8Array({ maxLength: 60 }).map((value) => new Uint8Array(value));
const head: fc.Arbitrary<Head> = fc.record({
  term: fc.nat(),
  position: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
  hash: hash.map((text) => text as RecordHash),
});
const ids = fc.array(
  hash.map((text) => text as ObjectId),
  { maxLength: 30 },
);
const objects = fc.array(fc.record({ id: hash.map((text) => text as ObjectId), bytes }), { maxLength: 5 });
const records = fc.array(bytes, { maxLength: 5 });
const outcome: fc.Arbitrary<AppendOutcome> = fc.oneof(
  fc.record({ type: fc.constant('appended' as const), head }),
  fc.record({ type: fc.constant('moved' as const), head: fc.option(head), missing: records }),
  fc.record({ type: fc.constant('missing-objects' as const), ids }),
);

/** Buffers and arrays of the same bytes count as equal. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, part) =>
      part instanceof Uint8Array ? bytesToHex(part) : part?.type === 'Buffer' ? bytesToHex(Uint8Array.from(part.data)) : part,
    ),
  );
}

function roundTrips<T>(
  values: fc.Arbitrary<T>,
  there: (value: T) => Uint8Array,
  back: (encoded: Uint8Array) => { ok: boolean; value?: T },
): void {
  fc.assert(
    fc.property(values, (value) => {
      const decoded = back(there(value));
      expect(decoded.ok).toBe(true);
      expect(plain(decoded.value)).toEqual(plain(value));
    }),
  );
}

describe('the wire of the hub', () => {
  it('brings back what was sent', () => {
    roundTrips(fc.option(head), encodeHead, decodeHead);
    roundTrips(fc.oneof(fc.record({ head, records }), fc.constant({ head: null, records: [] })), encodePage, decodePage);
    roundTrips(fc.record({ expected: head, records, objects }), encodeAppend, decodeAppend);
    roundTrips(outcome, encodeOutcome, decodeOutcome);
    roundTrips(ids, encodeIds, (encoded) => decodeIds(encoded, 100));
    roundTrips(objects, encodeObjects, decodeObjects);
    roundTrips(fc.record({ objects, absent: ids }), encodeObjectAnswer, decodeObjectAnswer);
  });

  it('says of each id whether it is present', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          hash.map((text) => text as ObjectId),
          { maxLength: 40 },
        ),
        fc.infiniteStream(fc.boolean()),
        (asked, coin) => {
          const present = new Set(asked.filter(() => coin.next().value));
          expect(decodePresence(encodePresence(asked, present), asked)).toEqual({ ok: true, value: present });
        },
      ),
    );
  });

  it('has a line for each head', () => {
    fc.assert(
      fc.property(hash, fc.option(head), (space, at) => {
        const line = encodeLiveLine(space as SpaceId, at);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(decodeLiveLine(line.trimEnd())).toEqual({ ok: true, value: { space, head: at } });
      }),
    );
  });

  it('has a line for a head and what moved it there', () => {
    fc.assert(
      fc.property(hash, head, records, objects, (space, behind, some, along) => {
        const expected = { ...behind, position: behind.position % 2 ** 40 };
        const at = { ...expected, position: expected.position + some.length };
        const line = encodeLiveLine(space as SpaceId, at, { expected, records: some, objects: along });
        expect(line.indexOf('\n')).toBe(line.length - 1);
        const decoded = decodeLiveLine(line.trimEnd());
        expect(plain(decoded)).toEqual(
          plain({ ok: true, value: { space, head: at, arrived: { expected, records: some, objects: along } } }),
        );
        // It leads to that head, or is none.
        const elsewhere = { ...at, position: at.position + 1 };
        expect(decodeLiveLine(encodeLiveLine(space as SpaceId, elsewhere, { expected, records: some, objects: along })).ok).toBe(false);
      }),
    );
    expect(
      decodeLiveLine(JSON.stringify({ space: '0'.repeat(64), head: { term: 0, position: 1, hash: '0'.repeat(64) }, segment: 7 })).ok,
    ).toBe(false);
  });

  it('takes no garbage, and never throws', () => {
    const decoders = [
      decodeHead,
      decodePage,
      decodeAppend,
      decodeOutcome,
      decodeObjects,
      decodeObjectAnswer,
      (b: Uint8Array) => decodeIds(b, 9),
      (b: Uint8Array) => decodePresence(b, []),
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(...decoders), (garbage, decode) => {
        const result = decode(garbage);
        expect(result.ok || result.error.length > 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void decodeLiveLine(line)));
  });

  it('holds lists to their limits', () => {
    const many = Array.from({ length: 11 }, () => 'a'.repeat(64) as ObjectId);
    expect(decodeIds(encodeIds(many), 10)).toEqual({ ok: false, error: 'body: a list is longer than 10' });
    const page = { head: null, records: Array.from({ length: 1_001 }, () => new Uint8Array()) };
    expect(decodePage(encodePage(page))).toMatchObject({ ok: false });
  });
});
