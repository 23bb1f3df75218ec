import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../core/crypto/hash.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import { decodeEntry, encodeEntry, isWholeEntry, lengthOfEntry, packName, type IndexChange, type IndexEntry } from './index-entry.ts';
import { decodePointer, decodeRows, encodePointer } from './index-snapshot.ts';

const SPACE = '5a'.repeat(32) as SpaceId;
const id = (byte: string): ObjectId => byte.repeat(32) as ObjectId;
const PAGE = readFileSync(new URL('../../../docs/formats-chunks.md', import.meta.url), 'utf8');

const CHANGES: Readonly<Record<string, IndexChange>> = {
  'put, inline': { type: 'put', packs: [{ name: null, size: 5, objects: [{ id: id('01'), offset: 0, size: 5 }] }], heals: [] },
  'put, pack': {
    type: 'put',
    packs: [{ name: packName(7, 'ab'.repeat(16)), size: 9, objects: [{ id: id('01'), offset: 2, size: 7 }] }],
    heals: [id('01')],
  },
  delete: { type: 'delete', ids: [id('01'), id('02')] },
  move: { type: 'move', pack: { name: packName(7, 'ab'.repeat(16)), size: 0, objects: [] }, from: ['log/0000000000000001'] },
  swept: { type: 'swept', blobs: ['log/0000000000000001'] },
  condemn: { type: 'condemn', below: 6 },
  restart: {
    type: 'restart',
    condemned: 2,
    blobs: [{ name: 'log/0000000000000001', size: 5, dataAt: 150, objects: [{ id: id('01'), offset: 150, size: 5 }] }],
  },
  restated: {
    type: 'restated',
    blobs: [{ name: packName(7, 'ab'.repeat(16)), size: 9, dataAt: 0, objects: [{ id: id('02'), offset: 2, size: 7 }] }],
  },
};
const entryOf = (change: IndexChange): IndexEntry => ({
  space: SPACE,
  position: 3,
  previous: '0c'.repeat(32),
  nonce: '0d'.repeat(16),
  change,
});
const POINTER = {
  space: SPACE,
  position: 512,
  hash: '0c'.repeat(32),
  condemned: 3,
  nonce: '0d'.repeat(16),
  blobs: [{ name: 'log/0000000000000001', size: 5, dataAt: 150 }],
  parts: ['0e'.repeat(32)],
};

describe('entries of the log of objects', () => {
  it.each(Object.entries(CHANGES))('have the bytes that docs/formats-chunks.md prints: %s', (name, change) => {
    const hex = Buffer.from(encodeEntry(entryOf(change)).bytes).toString('hex');
    expect(PAGE).toContain(`| ${name} | \`${hex}\` |`);
  });

  it.each(Object.entries(CHANGES))('give back what went in, with data and without: %s', (_, change) => {
    const { bytes, hash } = encodeEntry(entryOf(change));
    const expected = { ok: true, value: { entry: entryOf(change), hash, dataAt: bytes.length } };
    expect(decodeEntry(bytes)).toEqual(expected);
    expect(decodeEntry(Buffer.concat([bytes, randomBytes(20)]))).toEqual(expected);
    expect(lengthOfEntry(bytes.subarray(0, 12))).toEqual({ ok: true, value: bytes.length });
  });

  it('are refused wherever a byte is changed or missing', () => {
    for (const change of Object.values(CHANGES)) {
      const { bytes } = encodeEntry(entryOf(change));
      for (let at = 0; at < bytes.length; at++) {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
        expect(decodeEntry(flipped).ok).toBe(false);
        expect(decodeEntry(bytes.subarray(0, at)).ok).toBe(false);
      }
    }
  });

  it('are refused where they say what cannot be, though their hash is right', () => {
    const bad: IndexChange[] = [
      { type: 'put', packs: [{ name: null, size: 5, objects: [{ id: id('01'), offset: 1, size: 5 }] }], heals: [] },
      { type: 'put', packs: [{ name: '../../etc/passwd', size: 5, objects: [] }], heals: [] },
      { type: 'put', packs: [{ name: null, size: 2 ** 40, objects: [] }], heals: [] },
      { type: 'put', packs: ['a', 'b'].map(() => ({ name: null, size: 5, objects: [] })), heals: [] },
      { type: 'swept', blobs: ['log/1'] },
      { type: 'move', pack: { name: null, size: 0, objects: [] }, from: ['index/latest'] },
      { type: 'condemn', below: -1 },
      { type: 'restart', condemned: 0, blobs: [{ name: 'index/latest', size: 5, dataAt: 0, objects: [] }] },
      { type: 'restated', blobs: [{ name: 'log/0000000000000001', size: 5, dataAt: 9, objects: [{ id: id('01'), offset: 10, size: 5 }] }] },
    ];
    for (const change of bad) expect(decodeEntry(encodeEntry(entryOf(change)).bytes).ok).toBe(false);
    const later = Buffer.from(encodeEntry(entryOf({ type: 'condemn', below: 1 })).bytes.subarray(0, -32));
    later.set(Buffer.from('CONDEMN'), later.indexOf('condemn'));
    expect(decodeEntry(Buffer.concat([later, sha256(later)]))).toMatchObject({
      ok: false,
      error: expect.stringContaining('update Satchel'),
    });
    expect(decodeEntry(encodeEntry({ ...entryOf({ type: 'condemn', below: 1 }), position: 0 }).bytes).ok).toBe(false);
  });

  it('of a later version are told from those that rotted: nobody goes on over them as if they were gone', () => {
    const later = Buffer.from(encodeEntry(entryOf({ type: 'condemn', below: 1 })).bytes.subarray(0, -32));
    later.set(Buffer.from('SATLOG2'));
    const whole = Buffer.concat([later, sha256(later), Buffer.from('data')]);
    expect(isWholeEntry(whole)).toBe(true);
    expect(decodeEntry(whole)).toMatchObject({ ok: false, error: expect.stringContaining('update Satchel') });
    const rotten = Buffer.from(encodeEntry(entryOf({ type: 'condemn', below: 1 })).bytes);
    rotten.set(Buffer.from('SATLOG2'));
    expect([isWholeEntry(rotten), decodeEntry(rotten).ok]).toEqual([false, false]);
  });

  it('never make their reader throw, whatever the bytes', () => {
    const whole = Object.values(CHANGES).map((change) => Buffer.from(encodeEntry(entryOf(change)).bytes));
    fc.assert(
      fc.property(
        fc.constantFrom(...whole),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
        fc.nat(400),
        (bytes, edits, cut) => {
          const changed = Buffer.from(bytes.subarray(0, cut));
          for (const [at, byte] of edits) if (at < changed.length) changed.writeUInt8(byte, at);
          expect(typeof decodeEntry(changed).ok).toBe('boolean');
        },
      ),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !decodeEntry(bytes).ok));
  });
});

describe('snapshots of the index of objects', () => {
  it('have the bytes that docs/formats-chunks.md prints, and give back what went in', () => {
    const bytes = encodePointer(POINTER);
    expect(PAGE).toContain(`| index/latest | \`${Buffer.from(bytes).toString('hex')}\` |`);
    expect(decodePointer(bytes)).toEqual({ ok: true, value: POINTER });
  });

  it('never make their reader throw, whatever the bytes', () => {
    const whole = Buffer.from(encodePointer(POINTER));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(250), fc.nat(255)), { maxLength: 4 }), fc.nat(250), (edits, cut) => {
        const changed = Buffer.from(whole.subarray(0, cut));
        for (const [at, byte] of edits) if (at < changed.length) changed.writeUInt8(byte, at);
        expect(typeof decodePointer(changed).ok).toBe('boolean');
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const rows = decodeRows(bytes, POINTER.blobs);
        if (rows !== null) expect(rows).toHaveLength(bytes.length / 44);
      }),
    );
  });
});
