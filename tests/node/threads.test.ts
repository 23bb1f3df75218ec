import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { randomFillSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sealChunks } from '../../src/core/crypto/seal-chunks.ts';
import { bodySha256 } from '../../src/core/crypto/body-hash.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import { sealBundle } from '../../src/core/crypto/object-cipher.ts';
import { createSpaceKeys } from '../../src/core/crypto/space-keys.ts';
import { bytesToHex, type CommitId, type MachineId, type SpaceId } from '../../src/core/ids.ts';
import { TEMPORARY_PREFIX, type FileStat, type FileTree } from '../../src/core/ports/files.ts';
import type { SealedChunk, Sealing } from '../../src/core/ports/sealing.ts';
import { createFileThreads } from '../../src/node/threads/file-threads.ts';
import { createNodeFiles } from '../../src/sources/files/node-files.ts';
import { createThreadPool, type ThreadPool } from '../../src/node/threads/thread-pool.ts';
import { createThreadedSealing } from '../../src/node/threads/threaded-sealing.ts';
import { createSystemRandom } from '../../src/node/system.ts';
import { createZstd } from '../../src/store/zstd.ts';
import { bundle } from '../../scripts/bundle.mjs';

const SPACE = '5'.repeat(64) as SpaceId;
const ROOT = path.resolve(import.meta.dirname, '../..');

/** Ids are hashes of the bytes, and the bytes are compared as what they are. */
const told = (chunks: readonly SealedChunk[] | undefined): string[] =>
  (chunks ?? []).map(({ object, length }) => `${object.id} ${sha256Hex(object.bytes)} ${length}`);

const compression = createZstd();
const keys = createSpaceKeys({ spaceKey: Buffer.alloc(32, 1), epochKeys: new Map([[1, Buffer.alloc(32, 2)]]) });
const otherKeys = createSpaceKeys({ spaceKey: Buffer.alloc(32, 1), epochKeys: new Map([[2, Buffer.alloc(32, 3)]]) });
let folder: string;
let script: URL;
let broken: URL;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'satchel-threads-'));
  await bundle(ROOT, path.join(folder, 'dist'));
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  script = pathToFileURL(path.join(folder, 'dist/cli/thread.js'));
  broken = pathToFileURL(path.join(folder, 'broken.cjs'));
  await writeFile(broken, 'process.exit(3)');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('sealing and opening on other threads', () => {
  const body = Buffer.concat([randomFillSync(Buffer.alloc(1_200_000)), Buffer.alloc(400_000, 'lines\n')]);
  const threaded = (at: URL): Sealing =>
    createThreadedSealing({ compression, random: createSystemRandom(), pool: createThreadPool(at, 2) });
  const binding = { space: SPACE, keyId: 1, signer: '6'.repeat(64) as MachineId, commit: '7'.repeat(32) as CommitId };

  it('gives what this thread gives, several at once, a part of a buffer too', async () => {
    const sealing = threaded(script);
    const part = body.subarray(100_000);
    const [whole, again, some] = await Promise.all([body, body, part].map((each) => sealing.chunks(each, SPACE, 1, keys)));
    await sealing.close();
    expect(told(whole)).toEqual(told(await sealChunks(body, SPACE, 1, keys, compression)));
    expect(told(again)).toEqual(told(whole));
    expect(told(some)).toEqual(told(await sealChunks(part, SPACE, 1, keys, compression)));
  });

  it.each([
    ['there', () => script],
    ['here, where the thread fails', () => broken],
  ])('gives each of many small bodies its own chunks: %s', async (_where, at) => {
    const sealing = threaded(at());
    const bodies = Array.from({ length: 40 }, (_, index) => randomFillSync(Buffer.alloc(17_000 + 5_000 * index)));
    const other = '8'.repeat(64) as SpaceId;
    const sealed = await Promise.all(bodies.map((each, index) => sealing.chunks(each, index === 20 ? other : SPACE, 1, keys)));
    await sealing.close();
    for (const [index, each] of bodies.entries()) {
      expect(told(sealed[index])).toEqual(told(await sealChunks(each, index === 20 ? other : SPACE, 1, keys, compression)));
    }
  });

  it.each([
    ['there', () => script],
    ['here, where the thread fails', () => broken],
  ])('opens what was sealed, and says of each object why it does not open: %s', async (_where, at) => {
    const sealing = threaded(at());
    const sealed = await sealing.bundle(body, binding, keys);
    const damaged = { id: sealed.id, bytes: Buffer.from(sealed.bytes) };
    damaged.bytes.writeUInt8(damaged.bytes.readUInt8(100) ^ 1, 100);
    const foreign = await sealBundle(body, { ...binding, keyId: 2 }, otherKeys, compression, createSystemRandom());
    const opened = await sealing.open([sealed, damaged, foreign], SPACE, keys);
    await sealing.close();
    expect(opened.map((each) => (each.ok ? Buffer.from(each.value).equals(body) : each.error))).toEqual([
      true,
      { type: 'damaged', reason: 'object does not match its id' },
      { type: 'no-key', keyId: 2 },
    ]);
  });

  it('does here what a thread fails at', async () => {
    const sealing = threaded(broken);
    expect(told(await sealing.chunks(body, SPACE, 1, keys))).toEqual(told(await sealChunks(body, SPACE, 1, keys, compression)));
    await sealing.close();
  });

  it('goes on here where it is closed meanwhile', async () => {
    const sealing = threaded(script);
    const asked = sealing.chunks(body, SPACE, 1, keys);
    await sealing.close();
    expect(told(await asked)).toEqual(told(await sealChunks(body, SPACE, 1, keys, compression)));
  });
});

describe('many files on another thread', () => {
  const names = Array.from({ length: 100 }, (_, index) => `${index % 7}/file-${index}`);
  const treeOf = async (at: URL): Promise<{ root: string; files: FileTree; pool: ThreadPool }> => {
    const root = await mkdtemp(path.join(folder, 'tree-'));
    const pool = createThreadPool(at, 1);
    const files = createNodeFiles({ root, random: createSystemRandom(), threads: createFileThreads(pool) });
    for (const name of names) await files.makeFolder(path.dirname(name));
    return { root, files, pool };
  };

  it('are written as here, and nothing is written over that is not as expected', async () => {
    const { root, files, pool } = await treeOf(script);
    await writeFile(path.join(root, '3/file-45'), 'mine');
    const outcomes = await Promise.all(
      names.map((name) => files.write(name, Buffer.from(`body of ${name}`), { expected: null, mode: 0o700 })),
    );
    expect(await files.flush()).toEqual({ ok: true, value: null });
    await pool.close();
    expect(outcomes.flatMap((outcome, index) => (outcome.ok ? [] : [[names[index], outcome.error.type]]))).toEqual([
      ['3/file-45', 'changed'],
    ]);
    expect(await readFile(path.join(root, '3/file-45'), 'utf8')).toBe('mine');
    expect(await readFile(path.join(root, '1/file-99'), 'utf8')).toBe('body of 1/file-99');
    expect(outcomes[99]).toEqual(files.stat('1/file-99'));
    expect((await stat(path.join(root, '1/file-99'))).mode & 0o777).toBe(0o700);
    expect([...files.scan().entries.keys()].filter((name) => name.includes(TEMPORARY_PREFIX))).toEqual([]);
  });

  it('count as changed where the thread broke off, so that what stands there is looked at', async () => {
    const { files, pool } = await treeOf(broken);
    const outcomes = await Promise.all(names.map((name) => files.write(name, Buffer.from(name), { expected: null })));
    await pool.close();
    const failed = outcomes.filter((outcome) => !outcome.ok);
    expect(failed.length).toBeGreaterThan(50);
    expect(new Set(failed.map((outcome) => (outcome.ok ? '' : outcome.error.type)))).toEqual(new Set(['changed']));
  });

  it.each([
    ['read ahead', () => script],
    ['not read ahead, where the thread fails', () => broken],
  ])('are read as here, whatever order they are asked for in: %s', async (_what, at) => {
    const { root, files, pool } = await treeOf(at());
    for (const name of names) await writeFile(path.join(root, name), `body of ${name}`);
    const [gone = '', late = ''] = [names[10], names[90]];
    await rm(path.join(root, gone));
    const before = Date.now();
    files.readAhead?.(names.map((name) => ({ path: name, size: name.length })));
    const bodies: string[] = [];
    for (const name of [...names.slice(70), ...names.slice(0, 70)]) {
      const read = await files.read(name);
      bodies.push(read.ok ? Buffer.from(read.value.bytes).toString() : `${name}: ${read.error.type}`);
      if (read.ok)
        expect([read.value.stat, sha256Hex(read.value.bytes)]).toEqual([
          ofStat(files.stat(name)),
          bytesToHex(bodySha256(read.value.bytes)),
        ]);
      if (read.ok && read.value.readAt !== undefined) expect(read.value.readAt).toBeGreaterThanOrEqual(before);
    }
    // What was taken once is read anew.
    await writeFile(path.join(root, late), 'another body');
    const again = await files.read(late);
    await pool.close();
    expect(bodies.toSorted()).toEqual(names.map((name) => (name === gone ? `${name}: missing` : `body of ${name}`)).toSorted());
    expect(again.ok && Buffer.from(again.value.bytes).toString()).toBe('another body');
  });
});

function ofStat(stat: ReturnType<FileTree['stat']>): FileStat | null {
  return stat.ok ? stat.value : null;
}
