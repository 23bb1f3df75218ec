import { createHash, randomBytes } from 'node:crypto';
import { cpSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import { createFolderObjects, type FolderObjects } from '../../src/store/chunks/folder-objects.ts';
import { ENTRY_HEADER, PACK_HEADER } from '../../src/store/chunks/pack-format.ts';
import { extent } from '../setup/extent.ts';
import { compileSource, type CompiledSource } from './killed-process.ts';
import { describeObjectsContract, expectExactly, expectWhole, idsOf, listOf, objectOf, randomObjects, SPACE } from './objects.ts';

const random = { bytes: (length: number) => randomBytes(length) };

function contractOf(packBytes: number | undefined) {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'satchel-objects-'));
    const openFolder = () => createFolderObjects({ path: folder, random, ...(packBytes === undefined ? {} : { packBytes }) });
    let open = openFolder();
    return {
      objects: open as ObjectStore,
      async reopen() {
        await open.close();
        return (open = openFolder());
      },
      async dispose() {
        await open.close();
        await rm(folder, { recursive: true });
      },
    };
  };
}

describeObjectsContract('folder', contractOf(undefined));
describeObjectsContract('folder of small packs', contractOf(5_000));

describe('a folder of packs', () => {
  let folder: string;
  let store: FolderObjects;

  const openStore = (packBytes?: number) =>
    (store = createFolderObjects({ path: folder, random, ...(packBytes === undefined ? {} : { packBytes }) }));
  const reopen = async (packBytes?: number) => {
    await store.close();
    return openStore(packBytes);
  };
  const pack = (number: number) => join(folder, SPACE, `${String(number).padStart(8, '0')}.pack`);
  const packs = async () => (await readdir(join(folder, SPACE))).toSorted();
  const used = async () => (await packs()).reduce((sum, file) => sum + statSync(join(folder, SPACE, file)).size, 0);
  const dropIndex = () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, `index.db${suffix}`), { force: true });
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'satchel-objects-'));
    openStore();
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  it('is for its owner alone', async () => {
    await store.put(SPACE, randomObjects(2, 100));
    expect(statSync(join(folder, 'index.db')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, SPACE)).mode & 0o777).toBe(0o700);
    expect(statSync(pack(1)).mode & 0o777).toBe(0o600);
  });

  it('serves one process at a time', async () => {
    await store.put(SPACE, randomObjects(1, 10));
    expect(() => createFolderObjects({ path: folder, random })).toThrow('in use by another process');
  });

  it('ignores a tail torn at any byte, and writes over it', async () => {
    const before = randomObjects(2, 40);
    const [last] = randomObjects(1, 60);
    const [next] = randomObjects(1, 50);
    if (last === undefined || next === undefined) throw new Error('objects');
    await store.put(SPACE, before);
    await store.close();
    const sound = statSync(pack(1)).size;
    const kept = join(folder, 'kept');
    cpSync(join(folder, 'index.db'), join(kept, 'index.db'));
    openStore();
    await store.put(SPACE, [last]);
    await store.close();
    const whole = readFileSync(pack(1));
    expect(whole.length).toBe(sound + ENTRY_HEADER + last.bytes.length);

    for (let length = sound; length <= whole.length; length += length < whole.length - 2 ? extent(3, 1) : 1) {
      for (const index of ['behind', 'lost'] as const) {
        for (const tail of ['cut', 'zeros'] as const) {
          dropIndex();
          if (index === 'behind') cpSync(join(kept, 'index.db'), join(folder, 'index.db'));
          const torn = Buffer.from(whole);
          if (tail === 'zeros') torn.fill(0, length);
          const left = tail === 'cut' ? torn.subarray(0, length) : torn;
          writeFileSync(pack(1), left);
          openStore();
          const landed = left.equals(whole);
          await expectExactly(store, SPACE, landed ? [...before, last] : before);
          await store.put(SPACE, [next]);
          await reopen();
          await expectExactly(store, SPACE, landed ? [...before, last, next] : [...before, next]);
          await store.close();
        }
      }
    }
    openStore();
  });

  it('makes a lost, damaged or outdated index anew', async () => {
    const objects = randomObjects(60, 300);
    await reopen(4_000);
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.slice(0, 20)));
    await store.put(SPACE, objects.slice(0, 5));
    const expected = [...objects.slice(0, 5), ...objects.slice(20)];
    for (const harm of ['lost', 'garbage'] as const) {
      await store.close();
      dropIndex();
      if (harm === 'garbage') writeFileSync(join(folder, 'index.db'), randomBytes(9_000));
      openStore(4_000);
      await expectExactly(store, SPACE, expected);
    }
    await store.compact(SPACE);
    await store.close();
    dropIndex();
    openStore(4_000);
    await expectExactly(store, SPACE, expected);
  });

  it('names an object whose bytes rotted, serves the others, and is healed by a put', async () => {
    const objects = randomObjects(5, 200);
    await store.put(SPACE, objects);
    const [, second, third] = objects;
    if (second === undefined || third === undefined) throw new Error('objects');
    const bytes = readFileSync(pack(1));
    const at = bytes.indexOf(second.bytes);
    bytes.writeUInt8(bytes.readUInt8(at + 100) ^ 1, at + 100);
    writeFileSync(pack(1), bytes);
    await expect(store.get(SPACE, [second.id])).rejects.toMatchObject({ name: 'DamagedObject', id: second.id, space: SPACE });
    await expectWhole(store, SPACE, [third]);
    expect(await store.has(SPACE, [second.id])).toEqual(new Set());
    await store.put(SPACE, [second]);
    await expectWhole(store, SPACE, objects);
    await reopen();
    await expectWhole(store, SPACE, objects);
  });

  it('loses to a flipped bit, wherever it is, at most the object that it hit, even without an index', async () => {
    const objects = randomObjects(4, 30);
    await store.put(SPACE, objects);
    await store.close();
    const whole = readFileSync(pack(1));
    for (let at = 0; at < whole.length; at += extent(3, 1)) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
      writeFileSync(pack(1), flipped);
      dropIndex();
      openStore();
      const hit = Math.floor((at - PACK_HEADER) / (ENTRY_HEADER + 30));
      await expectExactly(
        store,
        SPACE,
        objects.filter((_, which) => which !== hit),
      );
      await store.put(SPACE, objects);
      await expectExactly(store, SPACE, objects);
      await store.close();
      for (const file of await packs()) rmSync(join(folder, SPACE, file));
    }
    openStore();
  });

  it('finds out that a pack was cut off or replaced behind its back', async () => {
    const [first, second] = [randomObjects(3, 100), randomObjects(3, 100)];
    await store.put(SPACE, first);
    await store.close();
    const size = statSync(pack(1)).size;
    openStore();
    await store.put(SPACE, second);
    await store.close();
    truncateSync(pack(1), size + 10);
    openStore();
    await expectExactly(store, SPACE, first);
    await store.close();
    rmSync(pack(1));
    openStore();
    await expectExactly(store, SPACE, []);
    await store.put(SPACE, second);
    await expectExactly(store, SPACE, second);
  });

  it('begins a new pack past the limit, and goes on with the last one after a restart', async () => {
    await reopen(1_000);
    for (let n = 0; n < 6; n++) await store.put(SPACE, randomObjects(1, 400));
    expect(await packs()).toEqual(['00000001.pack', '00000002.pack']);
    await reopen(1_000);
    await store.put(SPACE, randomObjects(1, 400));
    expect(await packs()).toEqual(['00000001.pack', '00000002.pack', '00000003.pack']);
    await reopen(1_000);
    await store.put(SPACE, randomObjects(1, 400));
    expect(await packs()).toHaveLength(3);
  });

  it('gives back the room of what was deleted', async () => {
    await reopen(20_000);
    const objects = randomObjects(100, 1_000);
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.slice(0, 90)));
    const before = await used();
    const freed = await store.compact(SPACE);
    expect(freed).toBeGreaterThan(80_000);
    expect(await used()).toBeLessThanOrEqual(before - freed + 1_000);
    await expectExactly(store, SPACE, objects.slice(90));
    expect(await store.compact(SPACE)).toBe(0);
  });

  it('removes every deleted byte when it compacts thoroughly', async () => {
    const objects = randomObjects(10, 1_000);
    const [first] = objects;
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.slice(0, 1)));
    const holds = async () =>
      (await packs()).some((file) => readFileSync(join(folder, SPACE, file)).includes(Buffer.from(first?.bytes ?? [])));
    await store.compact(SPACE);
    expect(await holds()).toBe(true); // a tenth is not worth a rewrite
    await store.compact(SPACE, { thorough: true });
    expect(await holds()).toBe(false);
    await expectExactly(store, SPACE, objects.slice(1));
  });

  it('survives a compaction that was interrupted before it removed the old pack, and keeps deletions', async () => {
    await reopen(4_000);
    const objects = randomObjects(12, 300);
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.slice(0, 8)));
    const old = new Map((await packs()).map((file) => [file, readFileSync(join(folder, SPACE, file))]));
    await store.compact(SPACE);
    const survivors = objects.slice(8);
    await store.delete(SPACE, idsOf(survivors.slice(0, 2)));
    await store.close();
    for (const [file, bytes] of old) if (!existsSync(join(folder, SPACE, file))) writeFileSync(join(folder, SPACE, file), bytes);
    dropIndex();
    openStore(4_000);
    const there = await listOf(store, SPACE);
    for (const { id } of survivors.slice(2)) expect(there.has(id)).toBe(true);
    for (const { id } of survivors.slice(0, 2)) expect(there.has(id)).toBe(false);
  });

  it('compacts one space once at a time, also where several ask for it', async () => {
    await reopen(4_000);
    const objects = randomObjects(60, 300);
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.slice(0, 50)));
    await Promise.all([store.compact(SPACE, { thorough: true }), store.compact(SPACE), store.compact(SPACE, { thorough: true })]);
    await expectExactly(store, SPACE, objects.slice(50));
    await reopen(4_000);
    await expectExactly(store, SPACE, objects.slice(50));
  });

  it('compacts what is there although a pack was taken away', async () => {
    await reopen(4_000);
    const objects = randomObjects(60, 300);
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.slice(0, 50)));
    rmSync(pack(2));
    expect(await store.compact(SPACE)).toBeGreaterThan(0);
    await expectWhole(store, SPACE, objects.slice(50));
  });

  it('ends a compaction soundly when it is closed meanwhile', async () => {
    await reopen(4_000);
    const objects = randomObjects(200, 300);
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.filter((_, index) => index % 2 === 0)));
    const compacted = store.compact(SPACE, { thorough: true });
    await store.close();
    await compacted;
    openStore(4_000);
    const left = objects.filter((_, index) => index % 2 === 1);
    await expectExactly(store, SPACE, left);
    await store.compact(SPACE, { thorough: true });
    await expectExactly(store, SPACE, left);
  });

  it('does not bring deleted objects back when it reads a pack again', async () => {
    await reopen(1_000);
    const objects = randomObjects(2, 600);
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.slice(0, 1)));
    expect(await packs()).toHaveLength(2); // the deletion lies in the second one
    await store.close();
    truncateSync(pack(1), statSync(pack(1)).size - 1);
    openStore(1_000);
    await expectExactly(store, SPACE, []);
  });

  it('carries deletions on for as long as what they delete may lie in an earlier pack', async () => {
    await reopen(5_000);
    const objects = randomObjects(10, 600);
    const [first] = objects;
    if (first === undefined) throw new Error('objects');
    await store.put(SPACE, objects);
    expect(await packs()).toHaveLength(2);
    await store.delete(SPACE, [first.id, ...idsOf(objects.slice(8))]); // the first pack stays mostly alive, the second dies
    await store.compact(SPACE);
    expect(await packs()).toEqual(['00000001.pack', '00000003.pack']);
    await store.close();
    dropIndex();
    openStore(5_000);
    await expectExactly(store, SPACE, objects.slice(1, 8));
    await store.compact(SPACE, { thorough: true });
    await store.close();
    dropIndex();
    openStore(5_000);
    await expectExactly(store, SPACE, objects.slice(1, 8));
  });

  it('keeps a pack with a damaged object when it compacts', async () => {
    const objects = randomObjects(10, 1_000);
    const [first] = objects;
    if (first === undefined) throw new Error('objects');
    await store.put(SPACE, objects);
    await store.delete(SPACE, idsOf(objects.slice(3)));
    const bytes = readFileSync(pack(1));
    bytes.fill(7, bytes.indexOf(first.bytes), bytes.indexOf(first.bytes) + 10);
    writeFileSync(pack(1), bytes);
    await store.compact(SPACE);
    expect(existsSync(pack(1))).toBe(true);
    await expectWhole(store, SPACE, objects.slice(1, 3));
    await expect(store.get(SPACE, [first.id])).rejects.toMatchObject({ name: 'DamagedObject' });
  });

  it('refuses a pack of a later version', async () => {
    await store.put(SPACE, [objectOf(Buffer.from('x'))]);
    await store.close();
    const bytes = readFileSync(pack(1));
    bytes.writeUInt32BE(2, 8);
    const { crc32 } = await import('node:zlib');
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
    writeFileSync(pack(1), bytes);
    dropIndex();
    openStore();
    await expect(listOf(store, SPACE)).rejects.toThrow('version 2');
    expect(readFileSync(pack(1)).equals(bytes)).toBe(true);
  });
});

/** Puts objects made of their number, deletes every tenth, compacts now and then, and says what was acknowledged. */
const PROGRAM = `
import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createFolderObjects } from './out/store/chunks/folder-objects.js';
const [path, space, start] = process.argv.slice(2);
const store = createFolderObjects({ path, random: { bytes: randomBytes }, packBytes: 300_000 });
const objectOf = (n) => {
  const bytes = Buffer.alloc(1_000 + (n % 7) * 3_000, createHash('sha256').update(String(n)).digest());
  return { id: createHash('sha256').update(bytes).digest('hex'), bytes };
};
writeSync(1, 'begun\\n');
for (let round = Number(start); ; round += 40) {
  await Promise.all(Array.from({ length: 40 }, async (_, which) => {
    const n = round + which;
    await store.put(space, [objectOf(n)]);
    writeSync(1, 'put ' + n + '\\n');
    if (n % 10 !== 0) return;
    writeSync(1, 'deleting ' + n + '\\n');
    await store.delete(space, [objectOf(n).id]);
    writeSync(1, 'deleted ' + n + '\\n');
  }));
  if (round % 200 === 0) await store.compact(space, { thorough: true });
}
`;

describe('a folder of packs whose process is killed', () => {
  let source: CompiledSource;
  let folder: string;

  beforeAll(async () => {
    source = compileSource(['store/chunks/folder-objects.ts']);
    folder = await mkdtemp(join(tmpdir(), 'satchel-objects-'));
  });
  afterAll(async () => {
    source.dispose();
    await rm(folder, { recursive: true });
  });

  it('has all that it acknowledged, and nothing that is damaged', async () => {
    const [present, deleted, unsure] = [new Set<number>(), new Set<number>(), new Set<number>()];
    // A slow machine gets more rounds to come to as much.
    for (let round = 0; round < extent(5, 12) || (present.size <= 100 && round < 100); round++) {
      const lines = await source.runAndKill(PROGRAM, [folder, SPACE, String(round * 1_000_000)], 30 + round * extent(40, 17));
      for (const [what, number] of lines.map((line) => line.split(' '))) {
        const n = Number(number);
        if (what === 'put') present.add(n);
        if (what === 'deleting') unsure.add(n);
        if (what === 'deleted') deleted.add(n);
      }
      for (const n of unsure) present.delete(n);
      const store = createFolderObjects({ path: folder, random, packBytes: 300_000 });
      const [kept, gone] = [[...present].map(numbered), [...deleted].map(numbered)];
      await expectWhole(store, SPACE, kept);
      expect(await store.has(SPACE, idsOf(gone))).toEqual(new Set());
      const all = [...(await listOf(store, SPACE)).keys()];
      expect((await store.get(SPACE, all)).size).toBe(all.length);
      await store.close();
    }
    expect(present.size).toBeGreaterThan(100);
  });
});

/** What the program makes of a number. */
function numbered(n: number): SealedObject {
  const seed = createHash('sha256').update(String(n)).digest();
  return objectOf(Buffer.alloc(1_000 + (n % 7) * 3_000, seed));
}
