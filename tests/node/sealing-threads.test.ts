import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { randomFillSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sealChunks } from '../../src/core/crypto/seal-chunks.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import { createSpaceKeys } from '../../src/core/crypto/space-keys.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import type { SealedChunk } from '../../src/core/ports/sealing.ts';
import { createSealingThreads } from '../../src/node/sealing-threads.ts';
import { createZstd } from '../../src/store/zstd.ts';
import { bundle } from '../../scripts/bundle.mjs';

const SPACE = '5'.repeat(64) as SpaceId;
const ROOT = path.resolve(import.meta.dirname, '../..');

/** Ids are hashes of the bytes, and the bytes are compared as what they are. */
const told = (chunks: readonly SealedChunk[] | undefined): string[] =>
  (chunks ?? []).map(({ object, length }) => `${object.id} ${sha256Hex(object.bytes)} ${length}`);

describe('the sealing of large bodies on other threads', () => {
  let folder: string;
  let script: URL;
  const compression = createZstd();
  const keys = createSpaceKeys({ spaceKey: Buffer.alloc(32, 1), epochKeys: new Map([[1, Buffer.alloc(32, 2)]]) });
  const body = Buffer.concat([randomFillSync(Buffer.alloc(1_200_000)), Buffer.alloc(400_000, 'lines\n')]);

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'satchel-sealing-'));
    await bundle(ROOT, path.join(folder, 'dist'));
    await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    script = pathToFileURL(path.join(folder, 'dist/cli/sealing-thread.js'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('gives what this thread gives, several at once, a part of a buffer too', async () => {
    const sealing = createSealingThreads({ compression, script });
    const part = body.subarray(100_000);
    const [whole, again, some] = await Promise.all([body, body, part].map((each) => sealing.chunks(each, SPACE, 1, keys)));
    await sealing.close();
    expect(told(whole)).toEqual(told(await sealChunks(body, SPACE, 1, keys, compression)));
    expect(told(again)).toEqual(told(whole));
    expect(told(some)).toEqual(told(await sealChunks(part, SPACE, 1, keys, compression)));
  });

  it('does here what a thread fails at', async () => {
    const broken = path.join(folder, 'broken.cjs');
    await writeFile(broken, 'process.exit(3)');
    const sealing = createSealingThreads({ compression, script: pathToFileURL(broken) });
    expect(told(await sealing.chunks(body, SPACE, 1, keys))).toEqual(told(await sealChunks(body, SPACE, 1, keys, compression)));
    await sealing.close();
  });

  it('goes on here where it is closed meanwhile', async () => {
    const sealing = createSealingThreads({ compression, script });
    const asked = sealing.chunks(body, SPACE, 1, keys);
    await sealing.close();
    expect(told(await asked)).toEqual(told(await sealChunks(body, SPACE, 1, keys, compression)));
  });
});
