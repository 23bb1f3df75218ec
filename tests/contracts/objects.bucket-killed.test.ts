import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectId } from '../../src/core/ids.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { createBucketObjects } from '../../src/store/bucket/bucket-objects.ts';
import { startS3Double, type Fault, type S3Double } from '../doubles/s3-double.ts';
import { compileSource, type CompiledSource } from './killed-process.ts';
import { raceOnObjects } from './objects-race.ts';
import { listOf, SPACE } from './objects.ts';
import { openTestBlobs } from './open-test-blobs.ts';

const KINDS: Fault[] = ['500', '503-slow-down', '500-done', 'drop', 'drop-done', 'drop-half', 'drop-late'];
const ROUNDS = 4;

/** Puts objects, deletes some, compacts now and then, until it is killed; says what was acknowledged, a line each. */
const PROGRAM = `
  import { createHash, randomBytes } from 'node:crypto';
  import { parseBlobsAddress } from './out/blobs/address.js';
  import { openBlobs } from './out/blobs/drivers.js';
  import { createSystemClock, createSystemRandom } from './out/node/system.js';
  import { createBucketObjects } from './out/store/bucket/bucket-objects.js';
  const [address, index, accessKeyId, secretAccessKey, space] = process.argv.slice(2);
  const deps = { clock: createSystemClock(), random: createSystemRandom() };
  const blobs = await openBlobs(parseBlobsAddress(address).value, { driver: 's3', accessKeyId, secretAccessKey }, deps);
  const objects = createBucketObjects({ ...deps, blobs, index, packBytes: 20_000, inlineBytes: 1_000, snapshotEvery: 8 });
  const say = (word, ids) => process.stdout.write(ids.map((id) => word + ' ' + id + '\\n').join(''));
  say('begun', ['x']);
  for (let turn = 0; ; turn++) {
    const made = Array.from({ length: 1 + (turn % 4) }, () => randomBytes(turn % 2 === 0 ? 200 : 6_000));
    const batch = made.map((bytes) => ({ id: createHash('sha256').update(bytes).digest('hex'), bytes }));
    await objects.put(space, batch);
    say('put', batch.map(({ id }) => id));
    if (turn % 3 === 0) {
      const [{ id }] = batch;
      say('deleting', [id]);
      await objects.delete(space, [id]);
      say('deleted', [id]);
    }
    if (turn % 10 === 9) await objects.compact(space, { thorough: true });
  }
`;

describe('objects in a bucket, over HTTP', () => {
  let double: S3Double;
  let folder: string;
  let compiled: CompiledSource;
  let faultRate = 0;
  const opened: ObjectStore[] = [];

  beforeAll(async () => {
    compiled = compileSource(['blobs/address.ts', 'blobs/drivers.ts', 'node/system.ts', 'store/bucket/bucket-objects.ts']);
    folder = mkdtempSync(join(tmpdir(), 'satchel-killed-'));
    const kind = () => KINDS[Math.floor(Math.random() * KINDS.length)] ?? null;
    double = await startS3Double({ buckets: ['killed', 'busy'], fault: () => (Math.random() < faultRate ? kind() : null) });
  });
  afterEach(async () => {
    faultRate = 0;
    await Promise.all(opened.splice(0).map((each) => each.close()));
  });
  afterAll(async () => {
    await double.close();
    compiled.dispose();
    rmSync(folder, { recursive: true });
  });

  const addressOf = (bucket: string) => `s3://${bucket}/p?endpoint=${double.endpoint}`;
  async function node(bucket: string, name: string): Promise<ObjectStore> {
    const { accessKeyId, secretAccessKey } = double;
    const blobs = await openTestBlobs(
      addressOf(bucket),
      { driver: 's3', accessKeyId, secretAccessKey },
      { attempts: 40, firstPause: 5, longestPause: 50 },
    );
    const deps = { clock: createSystemClock(), random: createSystemRandom() };
    const store = createBucketObjects({ ...deps, blobs, index: join(folder, `${name}.db`), packBytes: 20_000, inlineBytes: 1_000 });
    opened.push(store);
    return store;
  }

  it('has all that was acknowledged, whole, after its writer was killed, and goes on with its index', async () => {
    const put = new Set<string>();
    const unsure = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const { accessKeyId, secretAccessKey } = double;
      const args = [addressOf('killed'), join(folder, 'writer.db'), accessKeyId, secretAccessKey, SPACE];
      for (const line of await compiled.runAndKill(PROGRAM, args, 150 + round * 170)) {
        const [word, id = ''] = line.split(' ');
        if (word === 'put') put.add(id);
        if (word === 'deleting') unsure.add(id);
        if (word === 'deleted') put.delete(id);
      }
      const there = await listOf(await node('killed', `reader-${round}`), SPACE);
      expect([...put].filter((id) => !there.has(id as ObjectId) && !unsure.has(id))).toEqual([]);
    }
    const last = await node('killed', 'last');
    const ids = [...(await listOf(last, SPACE)).keys()];
    expect(put.size).toBeGreaterThan(0);
    expect((await last.get(SPACE, ids)).size).toBe(ids.length); // which compares each with its hash
    await last.compact(SPACE, { thorough: true });
    expect((await last.get(SPACE, ids)).size).toBe(ids.length);
  });

  it('loses nothing that was acknowledged to 16 writers, while a fifth of the requests goes wrong', async () => {
    const writers = await Promise.all(Array.from({ length: 16 }, (_, which) => node('busy', `writer-${which}`)));
    faultRate = 0.2;
    await raceOnObjects({ writers, rounds: 1, calm: () => (faultRate = 0), newcomer: () => node('busy', 'newcomer') });
  });
});
