import { objectsOfLog, verifyLog } from './verify-log.ts';
import { verifyBodies, verifyObjects, type ObjectsToVerify, type VerifyDepth } from './verify-objects.ts';
import { verifyState } from './verify-state.ts';
import type { ObjectId, SpaceId } from '../ids.ts';
import { getSound, type ObjectStore } from '../ports/objects.ts';
import { StoreDamaged, type Store } from '../ports/store.ts';
import { isBackfilling } from './late-join.ts';
import type { Replica } from './replica.ts';

export interface VerifyReport {
  readonly records: number;
  /** Objects looked for, and those whose bytes were read. */
  readonly objects: number;
  readonly read: number;
  /** Damaged or missing objects that the home remote gave back. */
  readonly healed: number;
  /** Objects that the home remote lacked and this machine brought it again. */
  readonly brought: number;
  /** Damaged or missing objects that could not be healed. */
  readonly lost: number;
  /** Whether something else is wrong than that objects are lost: with the log, the state, or what an author wrote. */
  readonly corrupt: boolean;
  /** Each a sentence. None: everything is sound. */
  readonly problems: readonly string[];
  /** What could not be looked at now, and why. */
  readonly notes: readonly string[];
}

export interface VerifyDeps {
  readonly depth: VerifyDepth;
  /** An empty store for the replay. Closed afterwards. */
  readonly scratch: () => Promise<Store>;
  /** Whether the space's log is ordered on this very store, which then must hold all its objects. */
  readonly isHome: boolean;
  readonly onProgress: (done: number, total: number, what: string) => void;
}

/**
 * Checks one space of this node: the chain of its log, the state against a replay from the genesis, and the objects
 * that it needs, which heal from the home remote where it has them. The node goes on meanwhile. O(log) and, by depth,
 * O(objects) or O(bytes).
 */
export async function verifySpace(replica: Replica, deps: VerifyDeps): Promise<VerifyReport> {
  const { store } = replica.deps;
  if (await isBackfilling(replica)) {
    const found = await verifyObjects(replica, { depth: deps.depth, contents: 'current', extra: [] }, deps.onProgress);
    return {
      ...found,
      records: 0,
      corrupt: false,
      notes: [...found.notes, 'older records are still being fetched: they are proved when they are here'],
    };
  }
  const log = await verifyLog(store, replica.space, deps.onProgress);
  if (log.problems.length > 0) return { ...NOTHING, records: log.records, corrupt: true, problems: log.problems };
  const scratch = await deps.scratch();
  const state = await found(() => verifyState(replica, scratch, deps.onProgress)).finally(() => scratch.close());
  const wanted: ObjectsToVerify = {
    depth: deps.depth,
    contents: deps.depth === 'full' ? 'all' : 'current',
    extra: deps.isHome ? await objectsOfLog(store, replica.space) : [],
  };
  // What they are looked up by cannot be read.
  if (state.includes(STATE_DAMAGED)) return { ...NOTHING, records: log.records, corrupt: true, problems: state };
  const objects = await verifyObjects(replica, wanted, deps.onProgress);
  const bodies = deps.depth === 'full' ? await verifyBodies(replica, deps.onProgress) : [];
  const corrupt = state.length + bodies.length > 0;
  return { ...objects, records: log.records, corrupt, problems: [...state, ...objects.problems, ...bodies] };
}

const STATE_DAMAGED = 'what was made of the log is damaged in the store';

/** What the store cannot read is a finding like others. */
async function found(look: () => Promise<string[]>): Promise<string[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof StoreDamaged)) throw error;
    return [STATE_DAMAGED];
  }
}

const NOTHING = { objects: 0, read: 0, healed: 0, brought: 0, lost: 0, notes: [] };

/** A log that this node only keeps for others: its chain, and the objects that its records name. Nothing can be opened. */
export async function verifyKeptLog(
  store: Store,
  objects: ObjectStore,
  space: SpaceId,
  deps: Omit<VerifyDeps, 'scratch' | 'isHome'> & {
    /** Told of objects that the log needs, and that are missing or damaged. */
    readonly onLost?: (ids: readonly ObjectId[]) => Promise<void>;
  },
): Promise<VerifyReport> {
  const log = await verifyLog(store, space, deps.onProgress);
  const named = await objectsOfLog(store, space);
  const here = await objects.has(space, named);
  const problems = [...log.problems];
  const which = `that the log of space ${space.slice(0, 8)} names`;
  const missing = named.filter((id) => !here.has(id));
  if (missing.length > 0) problems.push(`${missing.length} objects ${which} are missing`);
  const damaged: ObjectId[] = [];
  let read = 0;
  if (deps.depth !== 'names') {
    for (const id of here) {
      deps.onProgress(read, here.size, 'objects read');
      read += 1;
      if ((await getSound(objects, space, [id])).size === 0) damaged.push(id);
    }
  }
  if (damaged.length > 0) problems.push(`${damaged.length} objects ${which} are damaged, or the file that they lie in is missing`);
  const lost = [...missing, ...damaged];
  if (lost.length > 0) await deps.onLost?.(lost);
  const corrupt = log.problems.length > 0;
  return { ...NOTHING, records: log.records, objects: named.length, read, lost: lost.length, corrupt, problems };
}
