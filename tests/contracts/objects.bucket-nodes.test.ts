import { createHash, randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryBucket, type MemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { RemoteError } from '../../src/core/ports/remote.ts';
import type { LostEntries } from '../../src/store/bucket/index-restart.ts';
import { createBucketObjects, type BucketObjects, type BucketObjectsOptions } from '../../src/store/bucket/bucket-objects.ts';
import { hookBlobs, type BlobsCall, type BlobsHooks } from '../doubles/hooked-blobs.ts';
import { expectExactly, expectWhole, idsOf, listOf, objectOf, randomObjects, SPACE } from './objects.ts';
import { createTestClock, type TestClock } from './test-clock.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };
const DAY = 24 * 60 * 60 * 1000;
const SMALL = { packBytes: 4_000, inlineBytes: 500 };

describe('a bucket of several nodes', () => {
  let folder: string;
  let bucket: MemoryBucket;
  let blobs: Blobs;
  let clock: TestClock;
  let nodes: BucketObjects[];
  let isLagging: boolean;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'satchel-nodes-'));
    bucket = createMemoryBucket({ lagging: () => isLagging });
    blobs = bucket.open();
    clock = createTestClock();
    nodes = [];
    isLagging = true;
  });
  afterEach(async () => {
    await Promise.all(nodes.map((each) => each.close()));
    await rm(folder, { recursive: true });
  });

  const indexOf = (name: string) => join(folder, `${name}.db`);
  function node(name: string, options: Partial<BucketObjectsOptions> & { readonly hooks?: BlobsHooks } = {}): BucketObjects {
    const { hooks = {}, ...rest } = options;
    const opened = createBucketObjects({ blobs: hookBlobs(bucket.open(), hooks), index: indexOf(name), random, clock, ...SMALL, ...rest });
    nodes.push(opened);
    return opened;
  }
  let fresh = 0;
  /** What a node that comes new finds. */
  const newcomer = () => node(`new-${fresh++}`);
  const lineOf = (call: BlobsCall, name: string) => `${call} ${name.replace(`chunks/${SPACE}/`, '').replace(/-[0-9a-f]{32}/, '')}`;
  /** What is in the bucket by now; listings of what comes later lag again. */
  async function namesOf(...folders: readonly string[]): Promise<string[]> {
    isLagging = false;
    const names: string[] = [];
    for (const each of folders) {
      const page = await blobs.list(`chunks/${SPACE}/${each}/`, { limit: 1_000 });
      names.push(...page.blobs.map(({ name }) => name));
    }
    isLagging = true;
    return names;
  }

  it('shows to each what any of them did, at once', async () => {
    const [a, b] = [node('a'), node('b')];
    const objects = [...randomObjects(3, 100), ...randomObjects(6, 1_500)];
    await a.put(SPACE, objects);
    await expectExactly(b, SPACE, objects);
    await b.delete(SPACE, idsOf(objects.slice(0, 4)));
    await expectExactly(a, SPACE, objects.slice(4));
    await a.put(SPACE, objects.slice(0, 2));
    await b.compact(SPACE, { thorough: true });
    const left = [...objects.slice(0, 2), ...objects.slice(4)];
    await expectExactly(a, SPACE, left);
    await expectExactly(b, SPACE, left);
    await expectExactly(newcomer(), SPACE, left);
  });

  it('sends nothing that is there, asks once where nothing is new, and once for neighbours', async () => {
    const lines: string[] = [];
    const hooks = { before: (call: BlobsCall, name: string) => void lines.push(lineOf(call, name)) };
    const [a, b] = [node('a'), node('b', { hooks })];
    const objects = randomObjects(3, 1_000);
    await a.put(SPACE, objects);
    await b.put(SPACE, objects);
    const entry = (position: number) => `log/${String(position).padStart(16, '0')}`;
    expect(lines).toEqual([`read ${entry(1)}`, 'read index/latest', `read ${entry(2)}`, `read ${entry(3)}`, 'list log/']);
    lines.length = 0;
    await Promise.all([b.has(SPACE, idsOf(objects)), b.get(SPACE, idsOf(objects))]);
    expect(lines.toSorted()).toEqual([`read ${entry(1)}`, `read ${entry(2)}`, 'read packs/0000000000000000']);
    lines.length = 0;
    await b.put(SPACE, randomObjects(1, 100));
    expect(lines).toEqual([`read ${entry(2)}`, `read ${entry(1)}`, `create ${entry(2)}`]);
  });

  it('does as one store would, whatever which of them does in which order', async () => {
    const object = (which: number): SealedObject => objectOf(Buffer.alloc(200 + which * 90, which));
    const some = fc.uniqueArray(fc.nat(11), { minLength: 1, maxLength: 6 });
    const step = fc.oneof(
      fc.record({ op: fc.constant('put' as const), node: fc.nat(2), which: some }),
      fc.record({ op: fc.constant('delete' as const), node: fc.nat(2), which: some }),
      fc.record({ op: fc.constant('compact' as const), node: fc.nat(2), isThorough: fc.boolean() }),
      fc.record({ op: fc.constant('look' as const), node: fc.nat(2) }),
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        bucket = createMemoryBucket({ lagging: () => isLagging });
        round++;
        const three = [0, 1, 2].map((which) => node(`${round}-${which}`, { packBytes: 1_500, inlineBytes: 400, snapshotEvery: 8 }));
        const model = new Set<number>();
        const expected = () => [...model].map(object);
        for (const each of steps) {
          const at = three[each.node] as BucketObjects;
          if (each.op === 'put') {
            await at.put(SPACE, each.which.map(object));
            for (const which of each.which) model.add(which);
          } else if (each.op === 'delete') {
            await at.delete(SPACE, idsOf(each.which.map(object)));
            for (const which of each.which) model.delete(which);
          } else if (each.op === 'compact') await at.compact(SPACE, { thorough: each.isThorough });
          else await expectExactly(at, SPACE, expected());
        }
        for (const each of three) await expectExactly(each, SPACE, expected());
        await expectExactly(node(`${round}-new`), SPACE, expected());
        await Promise.all(nodes.splice(0).map((each) => each.close()));
      }),
      { numRuns: 25 },
    );
  });

  it('loses nothing where a node dies at any request, before or after it was done', async () => {
    const first = randomObjects(4, 900);
    const second = [...randomObjects(2, 100), ...randomObjects(5, 1_200)];
    let isDone = false;
    for (let crash = 1; !isDone; crash++) {
      for (const when of ['before', 'after'] as const) {
        bucket = createMemoryBucket({ lagging: () => isLagging });
        let calls = 0;
        const die = (call: BlobsCall) => {
          if (call !== 'read' && call !== 'size' && ++calls >= crash) throw new RemoteError('unreachable', 'died');
        };
        const dying = node(`${crash}-${when}`, { hooks: { [when]: die } });
        const acknowledged = new Map<string, SealedObject>();
        isDone = true;
        try {
          const put = async (objects: readonly SealedObject[]) => {
            await dying.put(SPACE, objects);
            for (const each of objects) acknowledged.set(each.id, each);
          };
          const remove = async (objects: readonly SealedObject[]) => {
            for (const { id } of objects) acknowledged.delete(id); // from when it begins they may be gone
            await dying.delete(SPACE, idsOf(objects));
          };
          await put(first);
          await remove(first.slice(0, 3));
          await put(second);
          await remove(second.slice(3, 4));
          await dying.compact(SPACE, { thorough: true });
        } catch (error) {
          expect(error).toBeInstanceOf(RemoteError);
          isDone = false;
        }
        const other = node(`${crash}-${when}-other`);
        await expectWhole(other, SPACE, [...acknowledged.values()]);
        const all = [...first, ...second];
        await other.put(SPACE, all);
        await other.compact(SPACE, { thorough: true });
        await expectExactly(other, SPACE, all);
        // The dead one comes back on the same disk.
        await dying.close();
        const again = createBucketObjects({ blobs: bucket.open(), index: indexOf(`${crash}-${when}`), random, clock, ...SMALL });
        await expectExactly(again, SPACE, all);
        await again.close();
      }
    }
  });

  it('counts a pack of a writer who slept until it was taken for abandoned as never sent, and sends it again', async () => {
    const objects = randomObjects(3, 1_000);
    const before = randomObjects(1, 700);
    let wake = (): void => {};
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    let isSent = false;
    const sleeper = node('sleeper', {
      hooks: {
        before: async (call, name) => {
          if (call !== 'create' || isSent || !name.includes('/log/')) return;
          isSent = true;
          await asleep;
        },
      },
    });
    const other = node('other');
    await other.put(SPACE, before);
    const putting = sleeper.put(SPACE, objects);
    await expect.poll(() => isSent).toBe(true);
    for (let day = 0; day < 4; day++) {
      await other.put(SPACE, randomObjects(1, 50));
      await other.compact(SPACE);
      clock.advance(DAY);
    }
    expect(await namesOf('packs')).toHaveLength(2); // until now listings lagged
    for (let day = 0; day < 2; day++) {
      await other.put(SPACE, randomObjects(1, 50));
      await other.compact(SPACE);
      clock.advance(DAY);
    }
    expect(await namesOf('packs')).toHaveLength(1);
    wake();
    await putting;
    for (const each of [sleeper, other, newcomer()]) await expectWhole(each, SPACE, [...objects, ...before]);
  });

  it('leaves no byte of what was deleted, after a thorough compaction', async () => {
    const [a, b] = [node('a'), node('b')];
    const [small, large] = [randomObjects(4, 100), randomObjects(4, 1_500)];
    await a.put(SPACE, small);
    await a.put(SPACE, large);
    await b.delete(SPACE, idsOf([...small.slice(0, 2), ...large.slice(0, 2)]));
    expect(await b.compact(SPACE, { thorough: true })).toBeGreaterThan(3_000);
    const bytes = Buffer.concat(
      await Promise.all((await namesOf('log', 'packs', 'index')).map(async (name) => (await blobs.read(name)) ?? Buffer.of())),
    );
    for (const each of [...small.slice(0, 2), ...large.slice(0, 2)]) expect(bytes.includes(Buffer.from(each.bytes))).toBe(false);
    for (const each of [...small.slice(2), ...large.slice(2)]) expect(bytes.includes(Buffer.from(each.bytes))).toBe(true);
    await expectExactly(newcomer(), SPACE, [...small.slice(2), ...large.slice(2)]);
    expect(await b.compact(SPACE, { thorough: true })).toBe(0);
  });

  it('writes one blob of many small ones', async () => {
    const a = node('a', { packBytes: 100_000, inlineBytes: 500 });
    const objects = randomObjects(70, 100);
    for (const each of objects) await a.put(SPACE, [each]);
    await a.compact(SPACE);
    const lines: string[] = [];
    const b = node('b', { hooks: { before: (call, name) => void lines.push(lineOf(call, name)) } });
    await b.has(SPACE, idsOf(objects));
    lines.length = 0;
    await expectWhole(b, SPACE, objects);
    expect(lines.filter((line) => line.startsWith('read packs'))).toHaveLength(1);
  });

  it('makes a lost or damaged index anew', async () => {
    const objects = randomObjects(30, 400);
    let a = node('a');
    for (const each of objects) await a.put(SPACE, [each]);
    for (const harm of ['lost', 'garbage'] as const) {
      await a.close();
      for (const suffix of ['', '-wal', '-shm']) rmSync(indexOf('a') + suffix, { force: true });
      if (harm === 'garbage') writeFileSync(indexOf('a'), randomBytes(9_000));
      a = node('a');
      await expectExactly(a, SPACE, objects);
    }
    expect(existsSync(indexOf('a'))).toBe(true);
  });

  it('takes a snapshot instead of the log, and the log where the snapshot is damaged or gone', async () => {
    const a = node('a', { snapshotEvery: 50 });
    const objects = randomObjects(120, 600);
    for (const each of objects) await a.put(SPACE, [each]);
    await a.close();
    const read = async (): Promise<number> => {
      let entries = 0;
      const hooks = { after: (call: BlobsCall, name: string) => void (call === 'read' && name.includes('/log/') ? entries++ : 0) };
      await expectExactly(node(`reader-${fresh++}`, { hooks }), SPACE, objects);
      return entries;
    };
    expect(await read()).toBeLessThan(60);
    const [part = ''] = (await namesOf('index')).filter((name) => /\/\d+$/.test(name));
    const bytes = (await blobs.read(part)) ?? Buffer.of();
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    await blobs.write(part, bytes);
    expect(await read()).toBeGreaterThan(110);
    await blobs.remove([part]);
    expect(await read()).toBeGreaterThan(110);
    await blobs.write(`chunks/${SPACE}/index/latest`, randomBytes(50));
    expect(await read()).toBeGreaterThan(110);
  });

  it('forgets what its disk says of a bucket that is another one now', async () => {
    const a = node('a');
    await a.put(SPACE, randomObjects(3, 1_000));
    await a.close();
    bucket = createMemoryBucket();
    const objects = randomObjects(2, 1_000);
    await node('b').put(SPACE, objects);
    await expectExactly(node('a'), SPACE, objects);
  });

  it('notices at once that the bucket was restored to an older state, whoever writes first, and says what went', async () => {
    const heard: LostEntries[] = [];
    const [a, b] = [node('a', { onLost: (lost) => void heard.push(lost) }), node('b')];
    const objects = randomObjects(3, 1_000);
    await a.put(SPACE, objects.slice(0, 1));
    const then = await namesOf('log', 'packs');
    await a.put(SPACE, objects.slice(1, 2));
    await expectExactly(b, SPACE, objects.slice(0, 2));
    await blobs.remove((await namesOf('log', 'packs')).filter((name) => !then.includes(name)));
    await expectExactly(a, SPACE, objects.slice(0, 1));
    await b.put(SPACE, objects.slice(1));
    for (const each of [a, b, newcomer()]) await expectExactly(each, SPACE, objects);
    expect(heard).toEqual([{ space: SPACE, entries: [], end: { was: 2, is: 1 }, blobs: 1, objects: 1 }]);
  });

  it('does not take a snapshot of what the bucket does not have any more', async () => {
    const a = node('a', { snapshotEvery: 20 });
    const objects = randomObjects(25, 600);
    for (const each of objects) await a.put(SPACE, [each]);
    await a.close();
    await blobs.remove((await namesOf('log')).slice(10));
    const b = node('b');
    await expectExactly(b, SPACE, objects.slice(0, 10));
    await b.put(SPACE, objects.slice(10));
    for (const each of [b, newcomer()]) await expectExactly(each, SPACE, objects);
  });

  it('names an object whose bytes rotted or went, serves the others, and is healed by a put', async () => {
    const [a, b] = [node('a'), node('b')];
    const objects = randomObjects(4, 900);
    await a.put(SPACE, objects.slice(0, 2));
    await a.put(SPACE, objects.slice(2));
    const [one, two] = await namesOf('packs');
    const bytes = (await blobs.read(one ?? '')) ?? Buffer.of();
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await blobs.write(one ?? '', bytes);
    await blobs.remove([two ?? '']);
    for (const each of [objects[0], objects[2]]) {
      await expect(a.get(SPACE, idsOf(each === undefined ? [] : [each]))).rejects.toMatchObject({ name: 'DamagedObject', id: each?.id });
    }
    await expect(a.get(SPACE, idsOf(objects.slice(3)))).rejects.toMatchObject({ name: 'DamagedObject' });
    await expectWhole(a, SPACE, objects.slice(1, 2));
    expect((await a.has(SPACE, idsOf(objects))).size).toBe(1);
    await a.put(SPACE, objects);
    for (const each of [a, b, newcomer()]) await expectExactly(each, SPACE, objects);
  });

  it('has again what it saw to be damaged, once another node was brought it', async () => {
    const [a, b] = [node('a'), node('b')];
    const objects = randomObjects(2, 900);
    await a.put(SPACE, objects);
    await blobs.remove(await namesOf('packs'));
    for (const each of [a, b]) await expect(each.get(SPACE, idsOf(objects))).rejects.toMatchObject({ name: 'DamagedObject' });
    await expect(b.get(SPACE, idsOf(objects.slice(1)))).rejects.toMatchObject({ name: 'DamagedObject' });
    await b.put(SPACE, objects);
    expect(await a.has(SPACE, idsOf(objects))).toEqual(new Set(idsOf(objects)));
    await expectExactly(a, SPACE, objects);
  });

  it('says which entry of the log it cannot read, where a newer Satchel may have written it', async () => {
    const a = node('a');
    await a.put(SPACE, randomObjects(1, 100));
    await a.put(SPACE, randomObjects(1, 100));
    const [, second = ''] = await namesOf('log');
    const bytes = Buffer.from((await blobs.read(second)) ?? Buffer.of());
    const end = 12 + bytes.readUInt32BE(8);
    bytes.set(Buffer.from('pUt'), bytes.indexOf('put'));
    bytes.set(createHash('sha256').update(bytes.subarray(0, end)).digest(), end);
    await blobs.write(second, bytes);
    await expect(listOf(newcomer(), SPACE)).rejects.toMatchObject({
      type: 'protocol',
      message: expect.stringMatching(/entry 2 of the objects.*update Satchel/),
    });
    expect(await namesOf('log')).toHaveLength(2);
  });

  it('loses nothing with 16 writers, deletions and compactions, and a bucket that fails at random', async () => {
    let isCalm = false;
    const fail = (): void => {
      if (!isCalm && Math.random() < 0.08) throw new RemoteError('unreachable', 'away');
    };
    const writers = Array.from({ length: 16 }, (_, which) =>
      node(`writer-${which}`, { hooks: { before: fail, after: fail }, snapshotEvery: 32 }),
    );
    const kept: SealedObject[] = [];
    const deleted = new Set<string>();
    const untilDone = async <T>(work: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await work();
        } catch (error) {
          if (!(error instanceof RemoteError)) throw error;
        }
      }
    };
    const shared = randomObjects(10, 300);
    await Promise.all(
      writers.map(async (each, which) => {
        for (let round = 0; round < 5; round++) {
          const mine = [...randomObjects(2, 100), ...randomObjects(round === 2 ? 4 : 1, 1_000)];
          await untilDone(() => each.put(SPACE, [...mine, ...shared.slice(round, round + 3)]));
          kept.push(...mine.slice(1), ...shared.slice(round, round + 3));
          await untilDone(() => each.delete(SPACE, idsOf(mine.slice(0, 1))));
          deleted.add(mine[0]?.id ?? '');
          if ((which + round) % 5 === 0) await untilDone(() => each.compact(SPACE, { thorough: round % 2 === 0 }));
        }
      }),
    );
    isCalm = true;
    for (const each of [writers[0], writers[15], newcomer()]) {
      if (each === undefined) continue;
      await expectWhole(each, SPACE, kept);
      expect(await each.has(SPACE, [...deleted] as never[])).toEqual(new Set());
    }
  });
});
