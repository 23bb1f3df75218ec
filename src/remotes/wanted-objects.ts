import type { ObjectId, SpaceId } from '../core/ids.ts';
import { droppedBy, dropsOf } from '../core/log/drops.ts';
import { decodeRecord } from '../core/log/record.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Store } from '../core/ports/store.ts';
import type { ReadableLog } from './deletable-objects.ts';

/**
 * What a remote lost: objects that its logs name, that somebody asked for, and that are not there or are damaged. Noted in the
 * store, so that all who share it know, until one of the space's machines brings them again.
 */
export interface WantedObjects {
  /** These were asked for and could not be given. Those that the log needs are wanted soon. Never throws. */
  readonly missed: (space: SpaceId, ids: readonly ObjectId[]) => void;
  /** Ascending. */
  readonly list: (space: SpaceId) => Promise<ObjectId[]>;
  /** Resolves when what was missed by now is noted. Never rejects. */
  readonly judged: () => Promise<void>;
  /** They are there now. */
  readonly brought: (space: SpaceId, ids: readonly ObjectId[]) => Promise<void>;
}

export interface WantedObjectsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logOf: (space: SpaceId) => ReadableLog;
  /** Something is wanted that was not. */
  readonly onWanted: (space: SpaceId) => void;
}

/** Of one space: more than these are wanted once the first ones were brought. */
const AT_ONCE = 10_000;
/** Milliseconds for which an object that the log does not need is not looked for in it again. */
const JUDGED_FOR = 10 * 60_000;

const collectionOf = (space: SpaceId): string => `wanted-objects/${space}`;

export function createWantedObjects({ store, clock, logOf, onWanted }: WantedObjectsDeps): WantedObjects {
  const missed = new Map<SpaceId, Set<ObjectId>>();
  /** Asked for, and of no use to anybody: what was pruned, or was never there. When that was seen. */
  const needless = new Map<ObjectId, number>();
  let judging: Promise<void> | null = null;

  const listed = (space: SpaceId): Promise<ObjectId[]> =>
    store.read(async ({ documents }) => (await documents.list(collectionOf(space))).map(({ id }) => id as ObjectId));

  function isNeedless(id: ObjectId): boolean {
    const seen = needless.get(id);
    return seen !== undefined && Math.abs(clock.now() - seen) < JUDGED_FOR;
  }

  async function judge(): Promise<void> {
    for (const [space, ids] of missed) {
      missed.delete(space);
      const known = new Set(await listed(space));
      const news = [...ids].filter((id) => !known.has(id)).slice(0, Math.max(0, AT_ONCE - known.size));
      if (news.length === 0) continue;
      const needed = await neededObjects(logOf(space), space, news);
      if (needless.size > AT_ONCE) needless.clear();
      for (const id of news) if (!needed.has(id)) needless.set(id, clock.now());
      if (needed.size === 0) continue;
      await store.write(async ({ documents }) => {
        for (const id of needed) await documents.put(collectionOf(space), id, true);
      });
      onWanted(space);
    }
  }

  return {
    missed(space, ids) {
      const waiting = missed.get(space) ?? new Set<ObjectId>();
      for (const id of ids) if (waiting.size < AT_ONCE && !isNeedless(id)) waiting.add(id);
      if (waiting.size === 0) return;
      missed.set(space, waiting);
      // What could not be noted is asked for again by whoever misses it.
      judging ??= judge()
        .catch(() => missed.clear())
        .finally(() => (judging = null));
    },
    list: async (space) => (await listed(space)).toSorted(),
    judged: async () => judging ?? undefined,
    async brought(space, ids) {
      if (ids.length === 0) return;
      await store.write(async ({ documents }) => {
        for (const id of ids) await documents.remove(collectionOf(space), id);
      });
    },
  };
}

/** Those of `ids` that a record names which no later prune or erase record took them from. O(log). */
async function neededObjects(log: ReadableLog, space: SpaceId, ids: readonly ObjectId[]): Promise<Set<ObjectId>> {
  const asked = new Set(ids);
  const named = new Map<ObjectId, number>();
  for (let from = 0; ;) {
    const page = await log.read(from);
    if (page.length === 0) break;
    for (const bytes of page) {
      const record = decodeRecord(bytes);
      if (!record.ok) continue;
      for (const id of record.value.header.objects) if (asked.has(id)) named.set(id, record.value.header.position);
    }
    from += page.length;
  }
  for (const drop of dropsOf(await log.controls(), space))
    for (const id of droppedBy(drop)) if ((named.get(id) ?? Infinity) < drop.position) named.delete(id);
  return new Set(named.keys());
}
