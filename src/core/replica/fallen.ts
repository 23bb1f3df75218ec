import { contentsOf } from '../change.ts';
import { commitKey, type CommitKey, type MachineId } from '../ids.ts';
import { carriedKey } from '../log/carried.ts';
import type { Commit } from '../log/commit.ts';
import { decodeControl } from '../log/control.ts';
import { isOwner } from '../log/membership.ts';
import { decodeRecord, hasValidSignature } from '../log/record.ts';
import type { StoredRecord } from '../ports/store.ts';
import { replacedSince } from './fallen-decisions.ts';
import { isReached, landingsOf } from './landings.ts';
import { openCommit } from './open-commit.ts';
import { relandKey } from './reland.ts';
import type { Replica } from './replica.ts';

/** What a move of the home remote left behind and is not in the log again, as far as this machine can tell. */
export interface Fallen {
  /** Commits of this machine of which something waits for bodies that only another machine holds. */
  readonly own: number;
  /** Commits of others that are not in the log again, by author: their bodies were lost with the home, and are not here. */
  readonly others: ReadonlyMap<MachineId, number>;
  /** The recovery key was replaced by a record that fell, and was not since: the words from before open the space again. */
  readonly recovery: boolean;
}

/** Cost: one look-up where nothing fell, else O(what fell and was not dropped, and drafts). */
export async function fallenOf(replica: Replica): Promise<Fallen> {
  const { deps, space, machine } = replica;
  const own = (await replica.notes.relands()).filter(({ reland }) => reland.record === null).length;
  const records = await deps.store.read((tx) => tx.logs.fallen(space));
  const others = new Map<MachineId, number>();
  const left = await notLanded(
    replica,
    records.filter(({ type, signer }) => type === 'commit' && signer !== machine),
  );
  for (const { signer } of await notOnTheirWay(replica, left)) others.set(signer, (others.get(signer) ?? 0) + 1);
  return { own, others, recovery: await isRecoveryLost(replica, records) };
}

/** Forgets those fallen commits that are in the log again. Cost as of {@link fallenOf}. */
export async function dropLanded(replica: Replica): Promise<void> {
  const { deps, space, machine } = replica;
  const commits = (await deps.store.read((tx) => tx.logs.fallen(space))).filter(({ type }) => type === 'commit');
  if (commits.length === 0) return;
  const waiting = new Set<CommitKey>([
    ...(await replica.notes.relands()).map(({ reland }) => relandKey(reland, machine)),
    ...replica.drafts.map(({ id }) => commitKey(machine, id)),
  ]);
  const others = await notLanded(
    replica,
    commits.filter(({ signer }) => signer !== machine),
  );
  const left = new Set(others.map(({ hash }) => hash));
  const landed = commits.filter(({ id, signer, hash }) => !left.has(hash) && !waiting.has(commitKey(signer, id)));
  if (landed.length > 0)
    await deps.store.write((tx) =>
      tx.logs.dropFallen(
        space,
        landed.map(({ hash }) => hash),
      ),
    );
}

async function notLanded(replica: Replica, commits: readonly StoredRecord[]): Promise<StoredRecord[]> {
  const { deps, space } = replica;
  const keyOf = ({ signer, id }: StoredRecord): CommitKey => commitKey(signer, id);
  const landings = await deps.store.read((tx) => landingsOf(tx, space, commits.map(keyOf)));
  const left: StoredRecord[] = [];
  for (const stored of commits) {
    const landing = landings.get(keyOf(stored));
    if (landing?.how === 'itself') continue;
    const whole = landing === undefined && !namesErased(replica, stored) ? null : await opened(replica, stored);
    const commit = whole === null ? null : withoutErasedChanges(replica, whole);
    if (commit !== null && commit !== whole && commit.changes.length === 0) continue;
    // What cannot be opened any more is believed.
    const isThere = landing !== undefined && (commit === null || (await deps.store.read((tx) => isReached(tx, space, commit, landing))));
    if (!isThere) left.push(stored);
  }
  return left;
}

function namesErased(replica: Replica, { bytes }: StoredRecord): boolean {
  const record = decodeRecord(bytes);
  return record.ok && record.value.header.objects.some((id) => replica.droppedObject(id) === 'erased');
}

/** Nobody waits for what was erased, nor brings it. The same commit where nothing of it was. */
function withoutErasedChanges(replica: Replica, commit: Commit): Commit {
  const changes = commit.changes.filter(
    (change) => !contentsOf(change).some(({ pieces }) => pieces.some(({ object }) => replica.droppedObject(object) === 'erased')),
  );
  return changes.length === commit.changes.length ? commit : { ...commit, changes };
}

/** Those of which drafts of this machine do not bring all bodies: the others are in the log as soon as they are sent. */
async function notOnTheirWay(replica: Replica, commits: readonly StoredRecord[]): Promise<StoredRecord[]> {
  const carried = new Set(replica.drafts.flatMap((draft) => draft.carried.map(carriedKey)));
  if (carried.size === 0) return [...commits];
  const drafted = new Set(replica.drafts.flatMap(({ changes }) => changes.flatMap(contentsOf)).map(({ digest }) => digest));
  const left: StoredRecord[] = [];
  for (const stored of commits) {
    const commit = carried.has(commitKey(stored.signer, stored.id)) ? await opened(replica, stored) : null;
    if (commit?.changes.flatMap(contentsOf).every(({ digest }) => drafted.has(digest)) !== true) left.push(stored);
  }
  return left;
}

async function opened({ keys, deps }: Replica, { bytes }: StoredRecord): Promise<Commit | null> {
  const record = decodeRecord(bytes);
  if (!record.ok) return null;
  return openCommit(record.value, keys, deps.compression);
}

async function isRecoveryLost(replica: Replica, records: readonly StoredRecord[]): Promise<boolean> {
  const { membership } = replica;
  const named = records.flatMap(({ type, bytes }) => {
    const record = type === 'control' ? decodeRecord(bytes) : null;
    if (record?.ok !== true || !isOwner(membership, record.value.header.signer) || !hasValidSignature(record.value)) return [];
    const payload = decodeControl(record.value.body);
    return payload.ok && payload.value.op === 'recovery' ? [payload.value.recovery.signer] : [];
  });
  const last = named.at(-1);
  if (last === undefined || last === membership.recovery.signer) return false;
  const first = records.reduce((least, { position }) => Math.min(least, position), Number.MAX_SAFE_INTEGER);
  return !(await replacedSince(replica, first - 1));
}
