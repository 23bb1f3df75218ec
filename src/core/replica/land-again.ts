import { commitKey, type CommitKey, type ObjectId, type Revision } from '../ids.ts';
import { carriedKey } from '../log/carried.ts';
import { decodeControl } from '../log/control.ts';
import { decodeRecord } from '../log/record.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { withoutErased } from './fallen-erasures.ts';
import { isReached, landingsOf } from './landings.ts';
import { objectsOfReland, relandKey, relandToWishes, removeReland, replaceReland, UNLANDED, withoutGone, type Reland } from './reland.ts';
import type { Replica } from './replica.ts';
import { splitReland } from './split-reland.ts';
import { behindWhatCame, supersededRevisions } from './superseded.ts';

/** Makes drafts of what fell back and is not in the log again. Throws RemoteError. Cost: one look-up where there is nothing to do. */
export async function landAgain(replica: Replica): Promise<void> {
  await replica.exclusive(() => landWaiting(replica));
}

/** The same, inside the replica’s queue. */
export async function landWaiting(replica: Replica): Promise<void> {
  const waiting = await replica.notes.relands();
  if (waiting.length === 0 || !replica.canWrite) return;
  const drafted = new Set<CommitKey | null>();
  for (const draft of replica.drafts)
    for (const key of [commitKey(replica.machine, draft.id), ...draft.carried.map(carriedKey)]) drafted.add(key);
  // Asked for where something lands, not each time that something waits.
  let superseded: Promise<ReadonlySet<Revision>> | null = null;
  const passed = (): Promise<ReadonlySet<Revision>> =>
    (superseded ??= supersededRevisions(
      replica,
      waiting.map(({ reland }) => reland),
    ));
  for (const { key, reland: fallen } of waiting) {
    const reland = await withoutErased(replica, fallen);
    if (reland === null) continue;
    // Kept as it is now: what was sealed anew is not sealed once more by the next look.
    if (reland !== fallen) await replica.deps.store.write((tx) => replaceReland(tx, replica.space, key, reland));
    await landOne(replica, reland, drafted, passed, (tx, later) =>
      later === null ? removeReland(tx, replica.space, key) : replaceReland(tx, replica.space, key, later),
    );
  }
  if ((await replica.notes.unlanded()).size > 0) await replica.deps.store.write((tx) => tx.documents.remove(UNLANDED, replica.space));
}

/**
 * Must run inside the replica’s queue. `passed`: revisions that go into the history alone. `done` goes into the transaction that
 * makes the draft, or finds that none is due, with the part that has to wait.
 */
async function landOne(
  replica: Replica,
  reland: Reland,
  drafted: Set<CommitKey | null>,
  passed: () => Promise<ReadonlySet<Revision>>,
  done: (tx: StoreTransaction, later: Reland | null) => Promise<void>,
): Promise<void> {
  const key = relandKey(reland, replica.machine);
  const evidence = reland.record === null ? reland.commit.carried : [reland.record];
  const keys = evidence.map(carriedKey);
  const { landings, isDone } = await replica.deps.store.read(async (tx) => {
    const found = await landingsOf(tx, replica.space, [key, ...keys.filter((k) => k !== null)]);
    const landing = found.get(key);
    const landed = landing !== undefined && (landing.how === 'itself' || (await isReached(tx, replica.space, reland.commit, landing)));
    return { landings: found, isDone: landed };
  });
  if (isDone || drafted.has(key)) return replica.deps.store.write((tx) => done(tx, null));
  const missing = await missingOf(replica, reland);
  if (missing.size > 0 && reland.record !== null) return;
  const { now: all, later } =
    missing.size === 0 ? { now: relandToWishes(reland), later: null } : splitReland(reland, missing, replica.deps.kinds);
  if (later !== null && all.wishes.length + all.keeps.length + all.resolves.length === 0) return;
  const now = { ...all, wishes: behindWhatCame(all.wishes, reland, await passed()) };
  if (later === null) drafted.add(key);
  const { message, writer, session } = reland.commit;
  const note = { message, writer, ...(session === undefined ? {} : { session }) };
  // Our own keep their id, once they are whole; another's travels inside a commit of ours.
  const id = reland.record === null && later === null && !landings.has(key) ? reland.id : replica.newCommitId();
  // Evidence goes with what is left of the commit: before, it would count as landed too early.
  const carried = later !== null ? [] : evidence.filter((_, index) => !landings.has(keys[index] as CommitKey));
  await replica.draft(now.wishes, note, id, (tx) => done(tx, later), now, carried);
}

/**
 * Objects that a commit names and that are neither here nor at the home: what it took over from another's body may
 * have fallen with the home, until the other brings it again. Cost: a look-up, a question to the home where one fails.
 */
async function missingOf(replica: Replica, reland: Reland): Promise<Set<ObjectId>> {
  const named = objectsOfReland(reland).filter((id) => replica.droppedObject(id) === null);
  const here = await replica.deps.objects.has(replica.space, named);
  const missing = named.filter((id) => !here.has(id));
  const there = missing.length === 0 ? new Set<ObjectId>() : await replica.hasAtRemote(missing);
  return new Set(missing.filter((id) => !there.has(id)));
}

/** What was pruned or erased, and is not here, falls for good: nobody is to wait for it. */
export async function withoutPruned(replica: Replica, relands: readonly Reland[]): Promise<Reland[]> {
  const dropped = new Set(relands.flatMap(objectsOfReland).filter((id) => replica.droppedObject(id) !== null));
  if (dropped.size === 0) return [...relands];
  const here = await replica.deps.objects.has(
    replica.space,
    [...dropped].flatMap((id) => replica.formsOf(id)),
  );
  return withoutGone(relands, (id) => dropped.has(id) && !replica.formsOf(id).some((form) => here.has(form)));
}

/** The number of the epoch that was the current one behind `position`. */
export async function epochAt(replica: Replica, position: number): Promise<number> {
  const controls = await replica.deps.store.read((tx) => tx.logs.controls(replica.space, 0));
  const begun = controls
    .filter((stored) => stored.position <= position)
    .flatMap((stored) => {
      const record = decodeRecord(stored.bytes);
      const payload = record.ok ? decodeControl(record.value.body) : null;
      return payload?.ok === true && payload.value.op === 'epoch' ? [payload.value.epoch.number] : [];
    });
  return Math.min(replica.keyId, Math.max(1, ...begun));
}
