import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryBucket, type MemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { getSound } from '../../src/core/ports/objects.ts';
import { createBucketObjects, type BucketObjects, type BucketObjectsOptions } from '../../src/store/bucket/bucket-objects.ts';
import type { LostEntries } from '../../src/store/bucket/index-restart.ts';
import { hookBlobs, type BlobsHooks } from '../doubles/hooked-blobs.ts';
import { expectExactly, expectWhole, idsOf, randomObjects, SPACE } from './objects.ts';
import { createTestClock, type TestClock } from './test-clock.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };
const SMALL = { packBytes: 4_000, inlineBytes: 500 };
const entry = (position: number): string => `chunks/${SPACE}/log/${String(position).padStart(16, '0')}`;

describe('a bucket that lost entries of a log of objects', () => {
  let folder: string;
  let bucket: MemoryBucket;
  let blobs: Blobs;
  let clock: TestClock;
  let nodes: BucketObjects[];
  let losses: LostEntries[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'satchel-gaps-'));
    bucket = createMemoryBucket();
    blobs = bucket.open();
    clock = createTestClock();
    nodes = [];
    losses = [];
  });
  afterEach(async () => {
    await Promise.all(nodes.map((each) => each.close()));
    await rm(folder, { recursive: true });
  });

  let fresh = 0;
  function node(name = `new-${fresh++}`, options: Partial<BucketObjectsOptions> & { readonly hooks?: BlobsHooks } = {}): BucketObjects {
    const { hooks = {}, ...rest } = options;
    const index = join(folder, `${name}.db`);
    const onLost = (lost: LostEntries): void => void losses.push(lost);
    const opened = createBucketObjects({ blobs: hookBlobs(bucket.open(), hooks), index, random, clock, ...SMALL, onLost, ...rest });
    nodes.push(opened);
    return opened;
  }
  async function namesOf(part: string): Promise<string[]> {
    const page = await blobs.list(`chunks/${SPACE}/${part}/`, { limit: 1_000 });
    return page.blobs.map(({ name }) => name);
  }
  /** Of those objects, each in a put of its own. */
  async function putEach(at: BucketObjects, objects: readonly SealedObject[]): Promise<void> {
    for (const each of objects) await at.put(SPACE, [each]);
  }

  it('is never written into a gap: the log goes on behind what is there, with what packs still hold', async () => {
    const objects = randomObjects(6, 900);
    const a = node();
    await putEach(a, objects);
    const packs = await namesOf('packs');
    await blobs.remove([entry(2), entry(3)]);
    const b = node();
    await expectExactly(b, SPACE, [objects[0], ...objects.slice(3)] as SealedObject[]);
    await b.put(SPACE, objects.slice(1, 2));
    expect(losses).toEqual([{ space: SPACE, entries: [2, 3], blobs: 0, objects: 4 }]);
    expect(await namesOf('log')).not.toContain(entry(2));
    // Whoever had it all, and whoever comes new, go by the same from then on.
    for (const each of [a, node()]) await expectExactly(each, SPACE, [...objects.slice(0, 2), ...objects.slice(3)]);
    await a.put(SPACE, objects);
    for (const each of [a, b, node()]) await expectExactly(each, SPACE, objects);
    expect(await namesOf('packs')).toEqual(expect.arrayContaining(packs));
    expect(losses).toHaveLength(1);
  });

  it('is given again what only a node knows that was there before, when that is asked for', async () => {
    const objects = randomObjects(6, 900);
    const a = node();
    await putEach(a, objects);
    await blobs.remove([entry(2), entry(3)]);
    const b = node();
    const has = await b.has(SPACE, idsOf(objects));
    expect(has.size).toBe(4);
    // For as long as somebody may know them, packs stay that nobody names.
    for (let day = 0; day < 3; day++) {
      await b.compact(SPACE);
      await b.put(SPACE, randomObjects(1, 50));
      clock.advance(24 * 60 * 60_000);
    }
    const last = [...objects.slice(1, 3)];
    expect((await a.has(SPACE, idsOf(last))).size).toBe(0);
    expect((await a.get(SPACE, idsOf(last))).size).toBe(2);
    for (const each of [a, b, node()]) await expectWhole(each, SPACE, objects);
  });

  it('says no longer that it has what lay in blobs that are gone', async () => {
    const objects = randomObjects(5, 900);
    await putEach(node(), objects);
    const [, second = ''] = await namesOf('packs');
    await blobs.remove([second, entry(4)]);
    const b = node();
    const has = await b.has(SPACE, idsOf(objects));
    expect(has.size).toBe(3);
    await expectWhole(
      b,
      SPACE,
      objects.filter(({ id }) => has.has(id)),
    );
    expect(losses).toEqual([{ space: SPACE, entries: [4], blobs: 1, objects: 3 }]);
  });

  it('goes on from what a node knows where the newest entry is gone, and others too', async () => {
    const objects = randomObjects(6, 900);
    const a = node();
    await putEach(a, objects);
    await blobs.remove([entry(2), entry(6)]);
    await expectExactly(a, SPACE, objects);
    await expectExactly(node(), SPACE, objects);
    expect(losses).toEqual([{ space: SPACE, entries: [2], blobs: 0, objects: 6 }]);
  });

  it('goes on where the last entry that a node knows is gone, and the next one is there', async () => {
    const objects = randomObjects(4, 900);
    const [a, b] = [node(), node()];
    await putEach(a, objects.slice(0, 2));
    await expectExactly(b, SPACE, objects.slice(0, 2));
    await putEach(a, objects.slice(2));
    await blobs.remove([entry(2)]);
    await expectExactly(b, SPACE, objects);
    expect(losses).toEqual([]);
  });

  it('is mended where an earlier Satchel wrote into the gap, whose chain does not fit', async () => {
    const objects = randomObjects(4, 900);
    await putEach(node(), objects);
    const other = createMemoryBucket();
    const [foreign, ...more] = randomObjects(3, 900);
    const stranger = createBucketObjects({ blobs: other.open(), index: join(folder, 'other.db'), random, clock, ...SMALL });
    await putEach(stranger, [foreign as SealedObject, ...more]);
    await stranger.close();
    const torn = (await other.open().read(entry(2))) as Uint8Array;
    await blobs.write(entry(2), torn);
    const b = node();
    expect((await b.has(SPACE, idsOf(objects))).size).toBe(3);
    await b.put(SPACE, objects);
    for (const each of [b, node()]) await expectExactly(each, SPACE, objects);
    expect(losses).toHaveLength(1);
  });

  it.each([2, 4])('goes on behind entry %i of 4, which rotted', async (position) => {
    const objects = randomObjects(4, 900);
    const a = node();
    await putEach(a, objects);
    const bytes = (await blobs.read(entry(position))) as Uint8Array;
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    await blobs.write(entry(position), bytes);
    const b = node();
    expect((await b.has(SPACE, idsOf(objects))).size).toBe(3);
    expect(losses).toEqual([{ space: SPACE, entries: [position], blobs: 0, objects: 3 }]);
    for (const each of [a, b]) await each.put(SPACE, objects);
    for (const each of [a, b, node()]) await expectExactly(each, SPACE, objects);
  });

  it('looks again behind the end where it was idle, before it writes there', async () => {
    const objects = randomObjects(5, 900);
    const [a, b] = [node(), node()];
    await putEach(a, objects.slice(0, 1));
    await expectExactly(b, SPACE, objects.slice(0, 1));
    await putEach(a, objects.slice(1, 4));
    await blobs.remove([entry(2)]);
    clock.advance(60 * 60_000);
    await b.put(SPACE, objects.slice(4));
    expect(await namesOf('log')).not.toContain(entry(2));
    await expectExactly(a, SPACE, [objects[0], ...objects.slice(2)] as SealedObject[]);
  });

  describe('where an entry was made and lost between two looks of a node, and others are behind it', () => {
    const MINUTE = 60_000;
    let objects: SealedObject[];
    let [a, b]: BucketObjects[] = [];
    const at = (which: BucketObjects | undefined): BucketObjects => which as BucketObjects;

    beforeEach(async () => {
      objects = randomObjects(7, 900);
      [a, b] = [node(), node()];
      await putEach(at(a), objects.slice(0, 2));
      await expectExactly(at(b), SPACE, objects.slice(0, 2));
      clock.advance(MINUTE);
      await putEach(at(a), objects.slice(2, 6));
      await blobs.remove([entry(3), ...(await namesOf('packs')).slice(0, 2)]);
    });

    it.each(['the one that was behind', 'the one that made it', 'a new one'])(
      'all see the same as soon as something is missed: first by %s',
      async (who) => {
        const first = who === 'a new one' ? node() : at(who === 'the one that made it' ? a : b);
        const rest = await getSound(first, SPACE, idsOf(objects));
        const lost = objects.slice(0, 6).filter(({ id }) => !rest.has(id));
        expect(lost.length).toBeGreaterThanOrEqual(2);
        await first.put(SPACE, lost);
        clock.advance(MINUTE);
        for (const each of [at(a), at(b), node()]) {
          await getSound(each, SPACE, idsOf(objects.slice(0, 6)));
          const left = await getSound(each, SPACE, idsOf(objects.slice(0, 6)));
          const missing = objects.slice(0, 6).filter(({ id }) => !left.has(id));
          // A new one may not know of what the lost entry said, and wants it of machines again.
          await each.put(SPACE, missing);
        }
        clock.advance(MINUTE);
        for (const each of [at(a), at(b), node()]) await expectWhole(each, SPACE, objects.slice(0, 6));
        expect(await namesOf('log')).not.toContain(entry(3));
      },
    );

    it('is seen by who looks at the log all the time, too', async () => {
      await at(a).put(SPACE, objects.slice(0, 2)); // it knows of nothing that is lost
      for (let minute = 0; minute < 12; minute++) {
        await at(b).has(SPACE, idsOf(objects));
        clock.advance(MINUTE);
      }
      expect((await at(b).has(SPACE, idsOf(objects.slice(3, 6)))).size).toBe(3);
      await at(b).put(SPACE, objects.slice(6));
      expect(await namesOf('log')).not.toContain(entry(3));
    });
  });

  it('is mended once by nodes that find it at one time, or die while they do', async () => {
    const objects = randomObjects(8, 900);
    await putEach(node(), objects);
    await blobs.remove([entry(3), entry(6)]);
    let creations = 0;
    const dying = node('dying', {
      hooks: {
        before: (call) => {
          if (call === 'create' && creations++ === 0) throw new Error('died');
        },
      },
    });
    await expect(dying.has(SPACE, idsOf(objects))).rejects.toThrow('died');
    const many = [dying, ...Array.from({ length: 4 }, () => node())];
    for (const has of await Promise.all(many.map((each) => each.has(SPACE, idsOf(objects))))) expect(has.size).toBe(6);
    await Promise.all(many.map((each) => each.put(SPACE, objects)));
    for (const each of [...many, node()]) await expectExactly(each, SPACE, objects);
    expect((await namesOf('log')).filter((name) => name === entry(3) || name === entry(6))).toEqual([]);
  });

  it('is sound again once all is brought, whatever it lost, and whoever knew what', async () => {
    const half = fc.array(fc.boolean(), { minLength: 60, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(half, fc.boolean(), fc.constantFrom(1_000, 8), async (lost, isForgotten, snapshotEvery) => {
        bucket = createMemoryBucket();
        blobs = bucket.open();
        const objects = [...randomObjects(8, 100), ...randomObjects(8, 900)];
        const sizes = { snapshotEvery };
        const names = [`a-${fresh++}`, `b-${fresh++}`];
        const before = names.map((name) => node(name, sizes));
        for (const [at, each] of objects.entries()) await before[at % 2]?.put(SPACE, [each]);
        const extra = randomObjects(2, 300);
        await before[0]?.put(SPACE, extra);
        await before[1]?.delete(SPACE, idsOf(extra));
        await before[0]?.compact(SPACE, { thorough: true });
        for (const each of before) await each.close();
        const all = [...(await namesOf('log')), ...(await namesOf('packs')), ...(await namesOf('index'))];
        const going = all.filter((_, at) => lost[at % lost.length]);
        if (going.length > 0) await blobs.remove(going);
        const highest = (await namesOf('log')).at(-1) ?? '';
        if (isForgotten) rmSync(join(folder, `${names[0]}.db`));
        const after = [...names.map((name) => node(name, sizes)), node(undefined, sizes)];
        for (const each of after) {
          await each.has(SPACE, idsOf(objects));
          await getSound(each, SPACE, idsOf(objects));
        }
        for (const each of after) await each.put(SPACE, objects);
        for (const each of [...after, node()]) await expectWhole(each, SPACE, objects);
        const filled = (await namesOf('log')).filter((name) => going.includes(name) && name < highest);
        expect(filled).toEqual([]);
        await Promise.all(nodes.splice(0).map((each) => each.close()));
      }),
      { numRuns: 60 },
    );
  });
});
