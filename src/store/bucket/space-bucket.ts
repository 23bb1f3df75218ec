import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { DamagedObject } from '../../core/ports/objects.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import type { BucketIndex, LocatedObject } from './bucket-index.ts';
import { readObjects } from './bucket-reader.ts';
import { compactBucket } from './bucket-compaction.ts';
import { packName } from './index-entry.ts';
import { createIndexLog, type StoppedLog } from './index-log.ts';
import type { LostEntries } from './index-restart.ts';
import { isRestartedLately, knownBefore } from './known-before.ts';
import { writeSnapshot } from './index-snapshot.ts';
import { buildPacks, packOf, type BuiltPack } from './pack-builder.ts';

/** The objects of one space in a bucket. */
export interface SpaceBucket {
  /** The bytes are taken to be of these ids. */
  readonly put: (objects: readonly SealedObject[]) => Promise<void>;
  readonly has: (ids: readonly ObjectId[]) => Promise<Set<ObjectId>>;
  readonly get: (ids: readonly ObjectId[]) => Promise<Map<ObjectId, Uint8Array>>;
  readonly delete: (ids: readonly ObjectId[]) => Promise<void>;
  /** The index holds what there is now. */
  readonly fresh: () => Promise<void>;
  readonly compact: (isThorough: boolean) => Promise<number>;
  readonly close: () => Promise<void>;
}

export interface SpaceBucketDeps {
  readonly blobs: Blobs;
  readonly index: BucketIndex;
  readonly space: SpaceId;
  /** Of the space, in the bucket. */
  readonly folder: string;
  readonly random: Random;
  readonly clock: Clock;
  /** Bytes of one blob. */
  readonly packBytes: number;
  /** What is smaller travels in the entry of the log itself: one request instead of two. */
  readonly inlineBytes: number;
  /** After so many entries of the log, upkeep. */
  readonly snapshotEvery: number;
  readonly onLost?: ((lost: LostEntries) => void) | undefined;
  readonly onRead?: ((stopped: StoppedLog | null) => void) | undefined;
}

interface WaitingPut {
  readonly objects: readonly SealedObject[];
  readonly done: () => void;
  readonly failed: (reason: unknown) => void;
}

/** What is written together, at most; a put by itself may have more. */
const GROUP_BYTES = 32 * 1024 * 1024;
const GROUP_OBJECTS = 20_000;
/** Packs that are sent at one time. */
const PARALLEL = 4;
/** Times that a read looks again where an object lies, when compaction moved it meanwhile. */
const LOOKS = 5;
/** Milliseconds after which a read asks what was deleted elsewhere. */
const STALE = 10_000;
/** Ids that one entry deletes. */
const DELETED_AT_ONCE = 50_000;
/** Objects in the index that an entry more between two snapshots makes up for. */
const ENTRIES_WORTH = 100;

/** Puts and deletions of this node run one after the other; puts that wait share the next entry. */
export function openSpaceBucket(deps: SpaceBucketDeps): SpaceBucket {
  const { blobs, index, space, folder, random, clock, packBytes, inlineBytes } = deps;
  const log = createIndexLog(deps);
  /** Seen to be damaged since opening, and where: not here, so that a put may bring them anew, by this node or another one. */
  const damaged = new Map<ObjectId, LocatedObject>();
  const waiting: WaitingPut[] = [];
  let lane: Promise<unknown> = Promise.resolve();
  let compaction: Promise<unknown> = Promise.resolve();
  let upkeep: Promise<void> | null = null;
  let lookedAt = -Infinity;
  let isClosing = false;

  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = lane.then(work);
    lane = result.catch(() => undefined); // its caller hears of it
    return result;
  }

  async function fresh(): Promise<void> {
    const now = clock.now();
    await log.fresh();
    lookedAt = now;
  }

  function isDamaged({ id, blob, offset }: LocatedObject): boolean {
    const seen = damaged.get(id);
    return seen !== undefined && seen.blob === blob && seen.offset === offset;
  }

  const here = (ids: readonly ObjectId[]): Set<ObjectId> =>
    new Set(index.find(space, ids).flatMap((located) => (isDamaged(located) ? [] : [located.id])));

  async function send(packs: readonly BuiltPack[]): Promise<string[]> {
    const { position } = index.head(space);
    const names = packs.map(() => packName(position, Buffer.from(random.bytes(16)).toString('hex')));
    const queue = packs.entries();
    const sendOn = async (): Promise<void> => {
      for (const [at, { bytes }] of queue) await blobs.write(`${folder}/${names[at]}`, bytes);
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, packs.length) }, sendOn));
    return names;
  }

  /** Until all of them are there: what was begun before it was condemned does not count, and is sent again. */
  async function bring(objects: ReadonlyMap<ObjectId, SealedObject>): Promise<void> {
    await fresh();
    for (let missing = new Map(objects); ;) {
      for (const id of here([...missing.keys()])) missing.delete(id);
      if (missing.size === 0) return;
      const packs = buildPacks([...missing.values()], packBytes);
      const [only] = packs;
      const isInline = packs.length === 1 && only !== undefined && only.bytes.length <= inlineBytes;
      const names = isInline ? [null] : await send(packs);
      const position = await log.append(() => {
        const placed = index.find(space, [...missing.keys()]);
        const change = {
          type: 'put' as const,
          packs: packs.map((pack, at) => packOf(pack, names[at] ?? null)),
          heals: placed.flatMap((located) => (isDamaged(located) ? [located.id] : [])),
        };
        return { change, ...(isInline ? { data: only.bytes } : {}) };
      });
      considerUpkeep(position ?? 0);
      if (isInline || names.every((name) => name !== null && index.hasBlob(space, name))) {
        for (const id of missing.keys()) damaged.delete(id);
        return;
      }
      missing = new Map(missing);
    }
  }

  /** Takes the puts that wait by now, as one group. */
  async function flushGroup(): Promise<void> {
    const group: WaitingPut[] = [];
    for (let bytes = 0, count = 0; waiting[0] !== undefined && bytes < GROUP_BYTES && count < GROUP_OBJECTS;) {
      const [next] = waiting.splice(0, 1);
      if (next === undefined) break;
      group.push(next);
      count += next.objects.length;
      for (const object of next.objects) bytes += object.bytes.length;
    }
    if (group.length === 0) return;
    try {
      await bring(new Map(group.flatMap((put) => put.objects.map((object) => [object.id, object] as const))));
      for (const put of group) put.done();
    } catch (error) {
      for (const put of group) put.failed(error);
    }
  }

  /**
   * In the background, where this node made every so many-th entry: gives back room, writes one blob of many small ones,
   * and a snapshot. Costs what the index is, so the larger that is the rarer.
   */
  function considerUpkeep(position: number): void {
    const { snapshotEvery } = deps;
    if (upkeep !== null || isClosing || position % snapshotEvery !== 0) return;
    const rarity = 2 ** Math.max(0, Math.ceil(Math.log2(index.count(space) / (snapshotEvery * ENTRIES_WORTH))));
    if (position % (snapshotEvery * rarity) !== 0) return;
    upkeep = keepUp().finally(() => (upkeep = null));
  }

  async function keepUp(): Promise<void> {
    try {
      await compact(false);
      if (!isClosing) await writeSnapshot({ blobs, folder, space, index }, Buffer.from(random.bytes(16)).toString('hex'));
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error; // a bug; a bucket that is away is one for the next time
    }
  }

  function compact(isThorough: boolean): Promise<number> {
    // One after the other: what one empties another would look for in vain.
    const freed = compaction.then(() => compactBucket({ ...deps, log, fresh, exclusively, isOver: () => isClosing }, isThorough));
    compaction = freed.catch(() => undefined); // its caller hears of it
    return freed;
  }

  async function get(ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>> {
    const objects = new Map<ObjectId, Uint8Array>();
    const asked = [...new Set(ids)];
    if (asked.length === 0) return objects;
    if (Math.abs(clock.now() - lookedAt) > STALE) await fresh();
    let left = index.find(space, asked);
    if (left.length < asked.length) {
      log.doubt();
      await fresh();
      left = index.find(space, asked);
    }
    for (let look = 1; left.length > 0; look++) {
      const missed: LocatedObject[] = [];
      for (const { located, bytes } of await readObjects(blobs, folder, left)) {
        if (bytes === null) missed.push(located);
        else objects.set(located.id, bytes);
      }
      if (missed.length === 0) break;
      log.doubt();
      await fresh();
      const now = new Map(
        index
          .find(
            space,
            missed.map(({ id }) => id),
          )
          .map((each) => [each.id, each] as const),
      );
      for (const old of missed) {
        const at = now.get(old.id);
        if (at !== undefined && (look === LOOKS || (at.blob === old.blob && at.offset === old.offset))) throw foundDamaged(at);
      }
      left = [...now.values()];
    }
    await findKnownBefore(
      asked.filter((id) => !objects.has(id)),
      objects,
    );
    return objects;
  }

  /** Adds what the log lost, and this node knew: it is put again, since no other one can find it. */
  async function findKnownBefore(ids: readonly ObjectId[], into: Map<ObjectId, Uint8Array>): Promise<void> {
    if (ids.length === 0 || !isRestartedLately(index, space, clock)) return;
    const located = index.find(knownBefore(space), ids).filter(({ id }) => !index.find(space, [id]).length);
    const found = (await readObjects(blobs, folder, located)).flatMap(({ located: { id }, bytes }) =>
      bytes === null ? [] : [{ id, bytes }],
    );
    if (found.length === 0) return;
    await put(found);
    for (const { id, bytes } of found) into.set(id, bytes);
  }

  function put(objects: readonly SealedObject[]): Promise<void> {
    return new Promise((done, failed) => {
      waiting.push({ objects, done: () => done(), failed });
      void exclusively(flushGroup);
    });
  }

  function foundDamaged(located: LocatedObject): DamagedObject {
    damaged.set(located.id, located);
    return new DamagedObject(space, located.id, `${blobs.address}: ${folder}/${located.blob}`);
  }

  return {
    fresh,
    put,
    async has(ids) {
      if (ids.length === 0) return new Set();
      await fresh();
      return here(ids);
    },
    get,
    delete: (ids) =>
      exclusively(async () => {
        await fresh();
        for (let at = 0; at < ids.length; at += DELETED_AT_ONCE) {
          const some = [...new Set(ids.slice(at, at + DELETED_AT_ONCE))];
          await log.append(() => {
            const present = index.find(space, some).map(({ id }) => id);
            return present.length === 0 ? null : { change: { type: 'delete', ids: present } };
          });
          for (const id of some) damaged.delete(id);
        }
      }),
    compact,
    async close() {
      isClosing = true;
      await compaction;
      await lane;
      await upkeep;
    },
  };
}
