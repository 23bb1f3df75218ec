import { join } from 'node:path';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import { DamagedObject } from '../../core/ports/objects.ts';
import type { Random } from '../../core/ports/random.ts';
import { compactPacks } from './pack-compaction.ts';
import { packName } from './pack-format.ts';
import type { Located, PackIndex } from './pack-index.ts';
import { readPack } from './pack-reader.ts';
import { recoverPacks } from './pack-recovery.ts';
import { createPackWriter, type NewEntry } from './pack-writer.ts';

/** The packs of one space. */
export interface SpacePacks {
  /** The bytes are taken to be of these ids. */
  readonly put: (objects: readonly SealedObject[]) => Promise<void>;
  readonly has: (ids: readonly ObjectId[]) => Set<ObjectId>;
  readonly get: (ids: readonly ObjectId[]) => Promise<Map<ObjectId, Uint8Array>>;
  readonly delete: (ids: readonly ObjectId[]) => Promise<void>;
  readonly page: (after: ObjectId | null, limit: number) => Located[];
  readonly compact: (minDeadShare: number) => Promise<number>;
  readonly close: () => Promise<void>;
}

export interface SpacePacksDeps {
  readonly folder: string;
  readonly space: SpaceId;
  readonly index: PackIndex;
  readonly random: Random;
  readonly packBytes: number;
}

interface WaitingPut {
  readonly objects: readonly SealedObject[];
  readonly done: () => void;
  readonly failed: (reason: unknown) => void;
}

/** Bytes that are written and flushed together, at most; a put by itself may have more. */
const GROUP_BYTES = 32 * 1024 * 1024;
/** Objects that are known to be here without a look into the index: a long transcript's chunks are asked for with each line. */
const KNOWN = 2_048;
/** Times that a read looks again where an object lies, when compaction moved it meanwhile. */
const LOOKS = 5;

/** Recovers what a crash left, then serves. Writes run one after the other; puts that wait share the next flush. */
export async function openSpacePacks(deps: SpacePacksDeps): Promise<SpacePacks> {
  const { folder, space, index } = deps;
  const number = index.numberFor(space);
  const recovered = await recoverPacks(folder, index, number);
  const writer = createPackWriter(deps, recovered.last, recovered.next);
  /** Seen to be damaged since opening: not here, so that a put may bring them anew. */
  const damaged = new Set<ObjectId>();
  /** Seen to be here, and not deleted since. */
  const known = new Set<ObjectId>();
  const waiting: WaitingPut[] = [];
  let lane: Promise<unknown> = Promise.resolve();
  let compaction: Promise<unknown> = Promise.resolve();
  let isClosing = false;

  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = lane.then(work);
    lane = result.catch(() => undefined); // its caller hears of it
    return result;
  }

  async function append(entries: readonly NewEntry[]): Promise<void> {
    for (const { pack, entries: placed } of await writer.append(entries)) index.apply(number, pack, placed);
  }

  /** Takes the puts that wait by now, as one group. */
  async function flushGroup(): Promise<void> {
    const group: WaitingPut[] = [];
    for (let bytes = 0; waiting[0] !== undefined && bytes < GROUP_BYTES;) {
      const [next] = waiting.splice(0, 1);
      if (next === undefined) break;
      group.push(next);
      for (const object of next.objects) bytes += object.bytes.length;
    }
    try {
      const fresh = new Map(group.flatMap((put) => put.objects.map((object) => [object.id, object] as const)));
      for (const id of has([...fresh.keys()])) fresh.delete(id);
      await append(Array.from(fresh.values(), ({ id, bytes }) => ({ type: 'object', id, bytes })));
      for (const id of fresh.keys()) damaged.delete(id);
      // What is appended to a long body is asked for with the next line.
      if (known.size + fresh.size <= KNOWN) for (const id of fresh.keys()) known.add(id);
      for (const put of group) put.done();
    } catch (error) {
      for (const put of group) put.failed(error);
    }
  }

  function has(ids: readonly ObjectId[]): Set<ObjectId> {
    const here = new Set<ObjectId>();
    const asked: ObjectId[] = [];
    for (const id of ids) {
      if (known.has(id)) here.add(id);
      else asked.push(id);
    }
    const found = index.find(number, asked);
    if (known.size + found.length > KNOWN) known.clear();
    for (const { id } of found) {
      if (damaged.has(id)) continue;
      here.add(id);
      if (found.length <= KNOWN) known.add(id);
    }
    return here;
  }

  async function get(ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>> {
    const objects = new Map<ObjectId, Uint8Array>();
    let left = index.find(number, [...new Set(ids)]);
    for (let look = 1; left.length > 0; look++) {
      const moved: Located[] = [];
      for (const [pack, located] of byPack(left)) {
        const read = await readPack(folder, pack, located);
        if (read === null) moved.push(...located);
        for (const each of read ?? []) {
          if (each.bytes === null) throw foundDamaged(each.located);
          objects.set(each.located.id, each.bytes);
        }
      }
      const [first] = moved;
      if (first !== undefined && look === LOOKS) throw foundDamaged(first);
      left = index.find(
        number,
        moved.map((each) => each.id),
      );
    }
    return objects;
  }

  function foundDamaged({ id, pack }: Located): DamagedObject {
    damaged.add(id);
    known.delete(id);
    return new DamagedObject(space, id, join(folder, packName(pack)));
  }

  return {
    put(objects) {
      return new Promise((done, failed) => {
        waiting.push({ objects, done: () => done(), failed });
        void exclusively(flushGroup);
      });
    },
    has,
    get,
    delete: (ids) =>
      exclusively(async () => {
        const present = index.find(number, [...new Set(ids)]);
        try {
          await append(present.map(({ id }) => ({ type: 'deletion', id })));
        } finally {
          known.clear(); // at the end: until then they are found, and noted again
        }
        for (const { id } of present) damaged.delete(id);
      }),
    page: (after, limit) => index.page(number, after, limit),
    compact(minDeadShare) {
      // One after the other: what one empties another would look for in vain.
      const deps = { folder, index, number, writer, append, exclusively, isOver: () => isClosing };
      const freed = compaction.then(() => compactPacks(deps, minDeadShare));
      compaction = freed.catch(() => undefined); // its caller hears of it
      return freed;
    },
    async close() {
      isClosing = true;
      await compaction;
      await exclusively(() => writer.endPack());
    },
  };
}

function byPack(objects: readonly Located[]): Map<number, Located[]> {
  const packs = new Map<number, Located[]>();
  for (const each of objects) {
    const same = packs.get(each.pack);
    if (same === undefined) packs.set(each.pack, [each]);
    else same.push(each);
  }
  return packs;
}
