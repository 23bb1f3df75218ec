import type { ObjectId } from '../ids.ts';
import { decodeControl } from '../log/control.ts';
import type { DropRecord } from '../log/drops.ts';
import { decodeRecord } from '../log/record.ts';
import { RemoteError, type Remote } from '../ports/remote.ts';
import { liveContents, objectsOf, pinnedContents } from './live-objects.ts';
import type { Replica } from './replica.ts';
import { repointViews } from './repoint-views.ts';
import { BodyUnavailable } from './workspace.ts';

/** How far this node did what prune and erase records say. */
interface Obeyed {
  readonly position: number;
  /** Pruned objects that its views or drafts still needed then. */
  readonly held: readonly ObjectId[];
  /** Erased objects that its drafts still needed then: they go once the drafts have landed. */
  readonly drafted: readonly ObjectId[];
}

const NOTHING: Obeyed = { position: -1, held: [], drafted: [] };

const BATCH = 10_000;

/**
 * Does what the prune and erase records of the log say that were not obeyed yet: saves what this node's views and
 * drafts need, deletes the rest here, and asks the remote to delete. What the log holds as current stays, whatever a
 * record names: it came back behind it. Safe to interrupt and to repeat. Throws RemoteError; nothing where there is
 * nothing to do. Cost: O(items and views) a new prune or erase record.
 */
export async function obeyDrops(replica: Replica, remote: Remote): Promise<void> {
  const { store, objects } = replica.deps;
  const { space, lastDrop } = replica;
  if (lastDrop < 0) return;
  const obeyed = { ...NOTHING, ...(await store.read((tx) => tx.documents.get<Obeyed>('obeyed', space))) };
  const isDue = obeyed.drafted.length > 0 && replica.drafts.length === 0;
  if (obeyed.position === lastDrop && !isDue) return;
  // A log that fell back behind a record that was obeyed names others from there on.
  const drops = await dropsFrom(replica, obeyed.position > lastDrop ? 0 : obeyed.position + 1);
  const { pruned, erased } = sort(drops, obeyed);

  await replica.exclusive(() => repointViews(replica, new Set([...pruned, ...erased])));
  if (!(await saveNeeded(replica, pruned)))
    throw new RemoteError('unreachable', 'what is needed here of pruned bodies cannot be fetched now');
  await fetchReplacements(replica, erased);
  const first = await replica.exclusive(() => judge(replica, pruned, erased));
  const keptThere = new Set<ObjectId>();
  for (let at = 0; at < first.gone.length; at += BATCH)
    for (const id of await askToDelete(replica, remote, first.gone.slice(at, at + BATCH))) keptThere.add(id);

  const needed = await replica.exclusive(async () => {
    const now = await judge(replica, pruned, erased);
    // What the remote keeps came back behind the record; and a remote on this very store has it judged already.
    await objects.delete(
      space,
      now.dropHere.filter((id) => !keptThere.has(id)),
    );
    replica.bodies.forgetPlain();
    return { held: now.held.filter((id) => !erased.has(id)), drafted: now.held.filter((id) => erased.has(id)) };
  });
  // Erased bodies leave the disk now, pruned ones when it is worth the writing.
  await objects.compact(space, { thorough: erased.size > 0 });
  await store.write((tx) => tx.documents.put<Obeyed>('obeyed', space, { position: lastDrop, ...needed }));
}

/**
 * Does what all prune and erase records say once more: for a remote that is the home anew, and may hold what it was
 * asked to delete before (it was restored from a backup, or was the home once). Where it is interrupted, the next
 * {@link obeyDrops} does it. Throws RemoteError.
 */
export async function obeyDropsAgain(replica: Replica, remote: Remote): Promise<void> {
  await replica.deps.store.write((tx) => tx.documents.remove('obeyed', replica.space));
  await obeyDrops(replica, remote);
}

/** Who may lose which objects, as of now: everyone what is not current, this node what it does not need besides. */
async function judge(replica: Replica, pruned: ReadonlySet<ObjectId>, erased: ReadonlySet<ObjectId>) {
  const { live, drafts, views } = await inUse(replica);
  const isGone = (id: ObjectId): boolean => !live.has(id);
  const isNeeded = (id: ObjectId): boolean => drafts.has(id) || (views.has(id) && !erased.has(id));
  const gone = [...pruned, ...erased].filter(isGone);
  return { gone, dropHere: gone.filter((id) => !isNeeded(id)), held: gone.filter(isNeeded) };
}

/** Answers what is still there. What a remote refuses to delete is its own affair: the log says that it should. */
async function askToDelete(replica: Replica, remote: Remote, ids: readonly ObjectId[]): Promise<Set<ObjectId>> {
  try {
    await remote.deleteObjects(replica.space, ids);
    return await remote.hasObjects(replica.space, ids);
  } catch (error) {
    if (!(error instanceof RemoteError) || error.type !== 'refused') throw error;
    replica.deps.log('the remote does not delete', { space: replica.space, objects: ids.length, reason: error.message });
    return new Set();
  }
}

function sort(drops: readonly DropRecord[], { held, drafted }: Obeyed): { pruned: Set<ObjectId>; erased: Set<ObjectId> } {
  const pruned = new Set(held);
  const erased = new Set(drafted);
  for (const { payload } of drops) {
    if (payload.op === 'prune') for (const id of payload.objects) pruned.add(id);
    else for (const id of [...payload.objects, ...payload.replaced.map((pair) => pair.from)]) erased.add(id);
  }
  for (const id of erased) pruned.delete(id);
  return { pruned, erased };
}

/** The valid prune and erase records from a position on. */
export async function dropsFrom(replica: Replica, from: number): Promise<DropRecord[]> {
  const { space } = replica;
  return replica.deps.store.read(async (tx) => {
    const drops: DropRecord[] = [];
    for (const stored of await tx.logs.controls(space, from)) {
      if (stored.position > replica.position) break;
      const record = decodeRecord(stored.bytes);
      const payload = record.ok ? decodeControl(record.value.body) : null;
      if (payload?.ok !== true || (payload.value.op !== 'prune' && payload.value.op !== 'erase')) continue;
      if ((await tx.documents.get(`voids/${space}`, String(stored.position))) !== undefined) continue;
      drops.push({ position: stored.position, payload: payload.value });
    }
    return drops;
  });
}

/** Objects by who needs them, as of one moment. */
async function inUse(replica: Replica) {
  return replica.deps.store.read(async (tx) => {
    const pinned = await pinnedContents(tx, replica);
    // A draft needs the very bytes that it was made of, even those that an erase record cut out since.
    const drafted = pinned.drafts.flatMap(({ pieces }) => pieces.flatMap((piece) => replica.formsOf(piece.object)));
    return {
      live: objectsOf(await liveContents(tx, replica), replica),
      drafts: objectsOf(pinned.drafts, replica, new Set(drafted)),
      views: objectsOf(pinned.views, replica),
    };
  });
}

/** Brings here what views and drafts need of pruned objects, while the remote may still have it. False while it cannot be asked. */
async function saveNeeded(replica: Replica, pruned: ReadonlySet<ObjectId>): Promise<boolean> {
  const { drafts, views } = await replica.deps.store.read((tx) => pinnedContents(tx, replica));
  const isPruned = (id: ObjectId): boolean => replica.formsOf(id).some((form) => pruned.has(form));
  const needed = [...drafts, ...views].filter((content) => content.pieces.some((piece) => isPruned(piece.object)));
  try {
    await replica.bodies.prefetch(needed);
    return true;
  } catch (error) {
    if (error instanceof BodyUnavailable && error.reason === 'offline') return false;
    throw error;
  }
}

/**
 * Brings here what stands in the place of objects that are here: what a machine holds of its own, it goes on holding.
 * Throws RemoteError while the remote cannot be asked.
 */
async function fetchReplacements(replica: Replica, erased: ReadonlySet<ObjectId>): Promise<void> {
  const { objects } = replica.deps;
  const here = await objects.has(replica.space, [...erased]);
  const replacements = new Set([...here].filter((id) => replica.bodies.isReplaced(id)).map((id) => replica.replacementOf(id)));
  const there = await objects.has(replica.space, [...replacements]);
  for (const id of replacements) {
    if (there.has(id)) continue;
    try {
      await replica.bodies.object(id);
    } catch (error) {
      if (!(error instanceof BodyUnavailable)) throw error;
      if (error.reason === 'offline') throw new RemoteError('unreachable', 'what stands for erased bodies cannot be fetched now');
    }
  }
}

/** What a remote on this node's own store must leave: see `whileUnused` of the local remote. */
export async function whileUnused(
  replica: Replica,
  work: (isUsed: (id: ObjectId, reason: 'prune' | 'erase') => boolean) => Promise<void>,
): Promise<void> {
  await replica.exclusive(async () => {
    const { drafts, views } = await inUse(replica);
    await work((id, reason) => drafts.has(id) || (reason === 'prune' && views.has(id)));
  });
}
