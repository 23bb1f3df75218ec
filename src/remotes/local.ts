import type { SealedObject } from '../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../core/ids.ts';
import { headAfter, type Head } from '../core/log/record.ts';
import type { Clock } from '../core/ports/clock.ts';
import { getSound, type ObjectStore } from '../core/ports/objects.ts';
import { RemoteError, type AppendOutcome, type ReadLimit, type Remote, type Segment } from '../core/ports/remote.ts';
import type { LogTable, Store, StoredRecord } from '../core/ports/store.ts';
import { checkObjectIds, checkObjects, checkRead, checkSegment, checkSpace, objectsNamed, type CheckedRecord } from './checks.ts';
import { REMOTE_LIMITS } from './limits.ts';
import { Mutex } from '../core/replica/mutex.ts';
import { rememberedOf } from '../core/replica/remembered.ts';
import { deletableObjects, type ReadableLog } from './deletable-objects.ts';
import { noteDeletion } from './give-back.ts';
import { createLocalCheckpoints } from './local-checkpoints.ts';
import { createLocalMailboxes } from './local-mailboxes.ts';
import { createWantedObjects } from './wanted-objects.ts';
import { createWatchers } from './watchers.ts';

const PAGE = { records: 512, bytes: 8 * 1024 * 1024 };
const WANTED_PAGE = 1_000;
/** More bytes of objects are put before the append, not inside its transaction: others who append to that log wait for it. */
const ALONG_BYTES = 1024 * 1024;

export interface LocalRemoteDeps {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  /** How this remote is called to people, e.g. `local:` or the hub's own URL. */
  readonly address: string;
  /**
   * Runs work while what this node itself needs of a space's objects cannot change; `isUsed` says whether it needs one
   * that a prune or an erase record names. Without it nothing is used.
   */
  readonly whileUnused?: (space: SpaceId, work: (isUsed: IsUsed) => Promise<void>) => Promise<void>;
  /**
   * Other processes append to the same store, and put into the same objects: what must not come between is kept out by
   * transactions, not by this process alone. A transaction of the store must not be in the way of the objects then.
   */
  readonly isShared?: boolean;
  /** Told of each deletion of objects, whose bytes are still there: give-back.ts. */
  readonly onDeleted?: () => void;
  /** Told of each append here, before its caller, and of what is wanted anew: who hears of it looks at the head. */
  readonly onAppended?: (space: SpaceId) => void;
}

export type IsUsed = (id: ObjectId, reason: 'prune' | 'erase') => boolean;

/** A remote in this process. Neither store nor objects are closed with it: they are its owner's. */
export interface LocalRemote extends Remote {
  /** Spaces that someone watches now. */
  watched(): SpaceId[];
  /** Looks at the head again and tells the watchers: for when another process on the same store appended. */
  headMoved(space: SpaceId): Promise<void>;
}

/**
 * A remote on a node's own store: what a hub keeps behind its HTTP, and what orders the spaces that a node keeps at
 * home. Several processes may use one store; they tell each other by `headMoved`.
 */
export function createLocalRemote(deps: LocalRemoteDeps): LocalRemote {
  const { store, objects, clock, address, isShared = false, whileUnused = (_space, work) => work(() => false) } = deps;
  const watchers = createWatchers();
  const checkpoints = createLocalCheckpoints(store, objects);
  /** An object must not go between an append that finds it here and the record that names it. */
  const gates = new Map<SpaceId, Mutex>();
  const gateOf = (space: SpaceId): Mutex => {
    const gate = gates.get(space) ?? new Mutex();
    gates.set(space, gate);
    return gate;
  };

  const lookUpHead = rememberedOf(store, (space: SpaceId) => store.read((tx) => tx.logs.head(space)), 'logs');

  async function headOf(space: SpaceId): Promise<Head | null> {
    checkSpace(space);
    return lookUpHead(space);
  }

  /** Head and records of one moment. */
  async function page(space: SpaceId, from: number, limit: ReadLimit): Promise<{ head: Head | null; records: readonly Uint8Array[] }> {
    const last = await headOf(space);
    if (last === null || from > last.position) return { head: last, records: [] };
    return store.read(async ({ logs }) => {
      const head = await logs.head(space);
      const records = head === null || from > head.position ? [] : await logs.read(space, from, limit);
      return { head, records: records.map((record) => record.bytes) };
    });
  }

  async function moved(space: SpaceId, expected: Head): Promise<AppendOutcome> {
    const limit = { records: REMOTE_LIMITS.missingRecords, bytes: REMOTE_LIMITS.missingBytes };
    const { head, records } = await page(space, expected.position + 1, limit);
    return { type: 'moved', head, missing: records };
  }

  const wanted = createWantedObjects({
    store,
    clock,
    logOf: (space) => storedLog(store, space),
    // Heard of again, the same head says that something else is new: to those who listen to another process, too.
    onWanted: (space) => {
      deps.onAppended?.(space);
      void headOf(space).then(
        (head) => watchers.notify(space, head),
        () => undefined,
      );
    },
  });

  async function append(space: SpaceId, expected: Head, segment: Segment): Promise<AppendOutcome> {
    const checked = checkSegment(space, expected, segment);
    // Of a database the head is not asked twice: who lost a race brings the same objects again.
    if (!isShared && !isExpected(await headOf(space), expected)) return moved(space, expected);
    const along = isShared && goesAlong(segment.objects) ? segment.objects : [];
    if (along.length < segment.objects.length) await objects.put(space, segment.objects);
    const named = objectsNamed(checked, segment.gone);
    const rows = checked.map(toStored);
    const outcome = await gateOf(space).run(async (): Promise<AppendOutcome | null> => {
      const lacking = isShared ? null : await missing(objects, space, named);
      if (lacking !== null) return lacking;
      const landed = await (isShared
        ? appendShared(space, expected, rows, { along, named })
        : store.write(({ logs }) => logs.append(space, expected, rows)));
      return typeof landed === 'object' ? landed : landed ? null : moved(space, expected);
    });
    if (outcome !== null) return outcome;
    const head = headAfter((checked.at(-1) as CheckedRecord).record);
    watchers.notify(space, head, { expected, records: checked.map(({ record }) => record), objects: segment.objects });
    deps.onAppended?.(space);
    return { type: 'appended', head };
  }

  /** Where objects lie in the database of the store, few bytes are durable with the records that name them. */
  function goesAlong(these: readonly SealedObject[]): boolean {
    return objects.within !== undefined && these.reduce((sum, { bytes }) => sum + bytes.length, 0) <= ALONG_BYTES;
  }

  /** Puts what goes along, and appends. Answers what is missing, and does nothing then. */
  async function appendShared(
    space: SpaceId,
    expected: Head,
    rows: readonly StoredRecord[],
    { along, named }: { readonly along: readonly SealedObject[]; readonly named: readonly ObjectId[] },
  ): Promise<AppendOutcome | boolean> {
    const brought = new Set(along.map(({ id }) => id));
    const others = named.filter((id) => !brought.has(id));
    try {
      return await store.write(async (tx) => {
        // From this look at the head on nobody else appends to this log, nor deletes what it names.
        if (!isExpected(await tx.logs.head(space), expected)) return false;
        const place = objects.within?.(tx) ?? objects;
        // All at once: a database that is asked so answers them one after the other without being waited for in between.
        const [landed, lacking] = await Promise.all([
          tx.logs.append(space, expected, rows),
          others.length === 0 ? null : missing(place, space, others),
          along.length === 0 ? null : place.put(space, along),
        ]);
        if (lacking !== null) throw new Lacking(lacking);
        return landed;
      });
    } catch (error) {
      if (error instanceof Lacking) return error.outcome;
      throw error;
    }
  }

  return {
    address,
    objects,
    spaces: () => store.read((tx) => tx.logs.spaces()),
    head: headOf,
    async read(space, from, limit) {
      checkSpace(space);
      return page(space, from, checkRead(from, limit));
    },
    append,
    async hasObjects(space, ids) {
      checkSpace(space);
      checkObjectIds(ids);
      const here = await objects.has(space, ids);
      for (const id of await wanted.list(space)) here.delete(id);
      return here;
    },
    async putObjects(space, batch) {
      checkSpace(space);
      checkObjects(batch, REMOTE_LIMITS.objectBatchBytes);
      const lost = new Set(await wanted.list(space));
      const again = batch.flatMap(({ id }) => (lost.has(id) ? [id] : []));
      // What another process saw to be damaged this one still takes for good: it has to look itself, or would keep what it has.
      for (const id of again) await getSound(objects, space, [id]);
      await objects.put(space, batch);
      if (again.length === 0) return;
      await wanted.brought(space, again);
      watchers.notify(space, await headOf(space));
    },
    async getObjects(space, ids) {
      checkSpace(space);
      checkObjectIds(ids, REMOTE_LIMITS.objectIdsPerGet);
      const found = await getSound(objects, space, ids);
      if (found.size < ids.length)
        wanted.missed(
          space,
          ids.filter((id) => !found.has(id)),
        );
      return found;
    },
    async wantedObjects(space, after) {
      checkSpace(space);
      await wanted.judged();
      const all = await wanted.list(space);
      return all.slice(after === null ? 0 : all.findLastIndex((id) => id <= after) + 1).slice(0, WANTED_PAGE);
    },
    async deleteObjects(space, ids) {
      checkSpace(space);
      checkObjectIds(ids, REMOTE_LIMITS.objectIdsPerDelete);
      await gateOf(space).run(async () => {
        const here = await objects.has(space, ids);
        if (here.size === 0) return;
        const drop = async (log: ReadableLog, note: (isThorough: boolean) => Promise<void>): Promise<void> => {
          const deletable = await deletableObjects(log, space, here);
          await whileUnused(space, async (isUsed) => {
            const going = [...deletable].filter(([id, reason]) => !isUsed(id, reason));
            if (going.length > 0) await note(going.some(([, reason]) => reason === 'erase'));
            await objects.delete(
              space,
              going.map(([id]) => id),
            );
          });
        };
        if (isShared) {
          await store.write(({ logs, documents }) =>
            drop(heldLog(logs, space), (isThorough) => noteDeletion(documents, space, isThorough)),
          );
        } else {
          await drop(storedLog(store, space), (isThorough) => store.write(({ documents }) => noteDeletion(documents, space, isThorough)));
        }
      });
      deps.onDeleted?.();
    },
    readCheckpoint: (space) => checkpoints.read(space),
    writeCheckpoint: (space, position, bytes) => checkpoints.write(space, position, bytes),
    mailboxes: createLocalMailboxes(store, clock),
    async watch(spaces, onHead, signal) {
      spaces.forEach(checkSpace);
      await watchers.watch(spaces, onHead, signal, headOf);
    },
    watched: () => watchers.watched(),
    async headMoved(space) {
      watchers.notify(space, await headOf(space));
    },
    async close() {
      watchers.fail(new RemoteError('unreachable', `${address} was closed`));
    },
  };
}

async function missing(
  objects: Pick<ObjectStore, 'has'>,
  space: SpaceId,
  named: readonly ObjectId[],
): Promise<Extract<AppendOutcome, { readonly type: 'missing-objects' }> | null> {
  const present = await objects.has(space, named);
  return present.size < named.length ? { type: 'missing-objects', ids: named.filter((id) => !present.has(id)) } : null;
}

/** Rolls back an append whose objects are not here. */
class Lacking extends Error {
  readonly outcome: AppendOutcome;
  constructor(outcome: AppendOutcome) {
    super('objects are missing');
    this.outcome = outcome;
  }
}

function storedLog(store: Store, space: SpaceId): ReadableLog {
  return {
    controls: () => store.read(({ logs }) => heldLog(logs, space).controls()),
    read: (from) => store.read(({ logs }) => heldLog(logs, space).read(from)),
  };
}

/** The same inside a transaction. */
function heldLog(logs: LogTable, space: SpaceId): ReadableLog {
  return {
    controls: () => logs.controls(space, 0).then((rows) => rows.map((row) => row.bytes)),
    read: (from) => logs.read(space, from, PAGE).then((rows) => rows.map((row) => row.bytes)),
  };
}

function isExpected(head: Head | null, expected: Head): boolean {
  return head === null ? expected.position === -1 : head.position === expected.position && head.hash === expected.hash;
}

function toStored({ record, bytes }: CheckedRecord): StoredRecord {
  const { position, id, signer, term, type } = record.header;
  return { position, hash: record.hash, id, signer, term, type, bytes };
}
