import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RemoteError } from '../../core/ports/remote.ts';
import { encodeFrame, readFrame, readFrameHead, readRanges } from './frame.ts';
import { encodeTable, findInTable, isTable, tableEntries, type PackEntry } from './pack-table.ts';
import { readSegment, readSegmentInfo } from './segment-file.ts';
import type { ObjectId } from '../../core/ids.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'satchel-frame-'));
  path = join(folder, 'file');
});

afterEach(() => rm(folder, { recursive: true }));

describe('frames', () => {
  it('have the bytes that docs/formats-folder.md prints', () => {
    const frame = encodeFrame('LTR1', Buffer.from('0000019746bc3c00', 'hex'), Buffer.from('hello'));
    expect(frame.toString('hex')).toBe(
      [
        '7361746368656c20', // "satchel "
        '4c545231', // kind: LTR1
        '00000008', // head length
        '0000000000000005', // payload length
        '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', // SHA-256("hello")
        '0000019746bc3c00', // head: expires
        'ae1aa821b0c077759fdc6d48b6e1cf04e8c5c87b31a9c7f5688bc4e20270c7a0', // SHA-256(all before)
        '68656c6c6f', // "hello"
      ].join(''),
    );
  });

  it('give back what went in, and nothing for no file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 9_000 }), fc.uint8Array({ maxLength: 9_000 }), async (head, payload) => {
        await writeFile(path, encodeFrame('PAK1', head, payload));
        const frame = await readFrame(path, 'PAK1');
        expect(frame?.head.equals(head)).toBe(true);
        expect(frame?.payload.equals(payload)).toBe(true);
      }),
      { numRuns: 30 },
    );
    await rm(path);
    expect(await readFrame(path, 'PAK1')).toBeNull();
    expect(await readFrameHead(path, 'PAK1')).toBeNull();
    expect(await readRanges(path, [{ offset: 0, length: 1 }])).toBeNull();
  });

  it('are known as torn at every length, and as of another kind', async () => {
    const frame = encodeFrame('SEG1', Buffer.from('head'), Buffer.from('payload'));
    await writeFile(path, frame);
    await expect(readFrame(path, 'PAK1')).rejects.toThrow('does not begin as PAK1');
    for (let length = frame.length - 1; length >= 0; length -= 1) {
      await truncate(path, length);
      await expect(readFrameHead(path, 'SEG1')).rejects.toBeInstanceOf(RemoteError);
    }
  });

  it('are refused before memory is taken for lengths that no file of ours has', async () => {
    const frame = encodeFrame('SEG1', Buffer.alloc(4), Buffer.alloc(4));
    for (const [at, value] of [
      [12, 0xffffffff],
      [16, 0xffffffff],
      [20, 0xffffffff],
    ] as const) {
      const huge = Buffer.from(frame);
      huge.writeUInt32BE(value, at);
      await writeFile(path, huge);
      await expect(readFrame(path, 'SEG1')).rejects.toMatchObject({ type: 'protocol' });
    }
  });

  it('of hostile content end in a RemoteError, whatever is in them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), async (head, payload) => {
        for (const bytes of [encodeFrame('SEG1', head, payload), Buffer.concat([head, payload])]) {
          await writeFile(path, bytes);
          for (const read of [readSegment, readSegmentInfo]) {
            const error = await read(path).catch((caught: unknown) => caught);
            expect(error).toBeInstanceOf(RemoteError);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('tables of packs', () => {
  const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex') as ObjectId);
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  const entry: fc.Arbitrary<PackEntry> = fc.record({ id, pack: u32, offset: u32, length: u32 });

  it('find every entry, and no other', () => {
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: (each) => each.id, maxLength: 200 }), id, (entries, other) => {
        const table = encodeTable(entries);
        expect(isTable(table)).toBe(true);
        expect(tableEntries(table).toSorted(byId)).toEqual(entries.toSorted(byId));
        for (const each of entries) expect(findInTable(table, each.id)).toEqual(each);
        expect(findInTable(table, other)?.id).toBe(entries.find((each) => each.id === other)?.id);
      }),
    );
  });

  it('are not taken out of order or cut', () => {
    const table = encodeTable(['1', '2', '3'].map((digit) => ({ id: digit.repeat(64) as ObjectId, pack: 0, offset: 0, length: 1 })));
    expect(isTable(table.subarray(1))).toBe(false);
    expect(isTable(Buffer.concat([table.subarray(44), table.subarray(0, 44)]))).toBe(false);
  });
});

function byId(a: PackEntry, b: PackEntry): number {
  return a.id < b.id ? -1 : 1;
}
