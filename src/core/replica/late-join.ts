import { EMPTY_HEAD, decodeRecord, headAfter, type Head, type LogRecord } from '../log/record.ts';
import type { ObjectId, SpaceId } from '../ids.ts';
import { RemoteError, type Remote } from '../ports/remote.ts';
import type { StoredRecord, StoreTransaction } from '../ports/store.ts';
import { openCheckpoint, openPages, sealCheckpoint } from './checkpoint.ts';
import type { Replica } from './replica.ts';
import { BACKFILLS, type Backfill } from './space-notes.ts';
import { toStored, verifyChain } from './chain.ts';
import { readState, StateDigest, statePages, type StatePart } from './state-pages.ts';
import { usedCommits } from './used-commits.ts';

const PAGE = { records: 512, bytes: 8 * 1024 * 1024 };
/** Pages that are asked for at once: of half a megabyte each, or more. */
const OBJECT_BATCH = 8;

/** Writes a checkpoint of the local log's head to the remote. Owners only. Cost: O(log); memory: what is sent. */
export async function writeCheckpoint(replica: Replica, remote: Remote): Promise<boolean> {
  const { space, deps } = replica;
  if (!replica.canWrite || (await isBackfilling(replica))) return false;
  const sealed = await replica.exclusive(async () => {
    const head = await replica.head();
    if (head === null || head.position !== replica.position) return null;
    const used = await usedCommits(replica, head.position);
    const at = { space, ...head, keyId: replica.keyId, lastControl: replica.membership.lastControl };
    return deps.store.read(async (tx) => {
      const controls = await tx.logs.controls(space, 0);
      const state = await readState(tx, space, used);
      const { bytes, objects } = await sealCheckpoint(
        at,
        state,
        controls.map((c) => c.bytes),
        replica.keys,
        deps,
      );
      return { bytes, objects, position: head.position };
    });
  });
  if (sealed === null) return false;
  for (const object of sealed.objects) await remote.putObjects(space, [object]);
  await remote.writeCheckpoint(space, sealed.position, sealed.bytes);
  return true;
}

/**
 * Begins a replica of which nothing is here with the remote's checkpoint, where there is a good one. False where
 * there is none, or it cannot be believed or opened (named in the log): the replica then replays from the genesis. Also
 * where records came from elsewhere meanwhile.
 * The records before it come with {@link backfill}.
 */
export async function beginWithCheckpoint(replica: Replica, remote: Remote): Promise<boolean> {
  const { space, deps } = replica;
  const bytes = (await replica.head()) === null ? await remote.readCheckpoint(space) : null;
  if (bytes === null) return false;
  const refuse = (reason: string): false => {
    deps.log('checkpoint is not used', { space, reason });
    return false;
  };
  const opened = openCheckpoint(bytes, space);
  if (!opened.ok) return refuse(opened.error);
  const { head, controls, voids } = opened.value;
  const { records } = await remote.read(space, head.position, { records: 1, bytes: 1 });
  const record = records[0] === undefined ? null : decodeRecord(records[0]);
  if (record?.ok !== true || record.value.hash !== head.hash) return refuse('the log does not hold the record that it names');
  const objects = new Map<ObjectId, Uint8Array>();
  for (let i = 0; i < head.pages.length; i += OBJECT_BATCH) {
    for (const [id, page] of await remote.getObjects(space, head.pages.slice(i, i + OBJECT_BATCH))) objects.set(id, page);
  }
  const until = headAfter(record.value);
  const rows = new Map([...controls.map(rowOf), toStored(record.value)].map((row) => [row.position, row]));
  try {
    return await replica.exclusive(async () => {
      const isBegun = await deps.store.write(async (tx) => {
        if ((await tx.logs.head(space)) !== null) return false;
        await tx.logs.fill(space, [...rows.values()]);
        let items = 0;
        const taken = await openPages(opened.value, objects, deps, async (part) => {
          await takePart(tx, space, part, { position: head.position, items });
          if (part.type === 'items') items += part.items.length;
        });
        if (!taken.ok) throw new NotUsed(taken.error);
        for (const { position, reason, signer } of voids) await tx.documents.put(`voids/${space}`, String(position), { reason, signer });
        await tx.documents.put('cursors', space, { position: until.position, hash: until.hash });
        const waiting: Backfill = { next: 0, previous: EMPTY_HEAD, until, digest: head.digest };
        await tx.documents.put(BACKFILLS, space, waiting);
        return true;
      });
      if (isBegun) await replica.reopen();
      return isBegun;
    });
  } catch (error) {
    if (error instanceof NotUsed) return refuse(error.message);
    throw error;
  }
}

/** A checkpoint turned out to be none while it was being taken in: its transaction leaves nothing. */
class NotUsed extends Error {}

/** `at`: of the checkpoint, and how many items of it were taken before. */
async function takePart(
  tx: StoreTransaction,
  space: SpaceId,
  part: StatePart,
  at: { readonly position: number; readonly items: number },
): Promise<void> {
  if (part.type === 'siblings') return tx.items.addSiblings(space, part.siblings);
  if (part.type === 'used') {
    for (const key of part.used) await tx.documents.put(`carried/${space}`, key, { position: at.position });
    return;
  }
  await tx.items.put(space, part.items);
  // Until history is here, each item's current revision at least can be looked up.
  await tx.items.addHistory(
    space,
    part.items.map((state, index) => ({
      ...state,
      base: null,
      type: state.content === null ? ('delete' as const) : ('put' as const),
      index: at.items + index, // those of one record lie on several pages
    })),
  );
}

export async function isBackfilling(replica: Replica): Promise<boolean> {
  return (await gapUntil(replica)) !== null;
}

/** The position of the checkpoint that this replica began with, while records before it are missing; else `null`. */
export async function gapUntil(replica: Replica): Promise<number | null> {
  return (await replica.notes.backfill())?.until.position ?? null;
}

/**
 * Fetches what is missing up to `position`, where the remote's log and the local one are the same: a log that falls
 * back to there must be whole, since the state is derived from it anew. Throws RemoteError.
 */
export async function completeUpTo(replica: Replica, remote: Remote, position: number): Promise<void> {
  const { space } = replica;
  let waiting = await replica.notes.backfill();
  while (waiting !== null && waiting.next <= Math.min(position, waiting.until.position)) {
    const { records } = await remote.read(space, waiting.next, PAGE);
    const wanted = records.slice(0, Math.min(position, waiting.until.position) - waiting.next + 1);
    const chain = verifyChain(wanted, waiting.previous, space);
    const rest: Backfill | 'diverged' | undefined = await fillGap(replica, waiting, chain.ok ? chain.value.rows : []);
    if (rest === 'diverged')
      throw new RemoteError('protocol', 'the remote does not hand out the history that it has in common with this machine');
    waiting = rest ?? null;
  }
}

/**
 * Fills the gap with the next records, and answers what is missing then; none may be there (`[]`). Where another
 * exchange was faster, or the log fell back meanwhile, nothing is filled. O(records, and control records behind them).
 */
async function fillGap(replica: Replica, waiting: Backfill, rows: readonly StoredRecord[]): Promise<Backfill | 'diverged' | undefined> {
  const { space } = replica;
  return replica.deps.store.write(async (tx) => {
    const now = await tx.documents.get<Backfill>(BACKFILLS, space);
    if (now?.until.hash !== waiting.until.hash || now.next !== waiting.next) return now;
    const last = rows.at(-1);
    if (last === undefined || !isOfOurLog(rows, await tx.logs.controls(space, waiting.next), waiting.until)) return 'diverged';
    const previous: Head = { term: last.term, position: last.position, hash: last.hash };
    const rest = { ...waiting, next: last.position + 1, previous };
    await tx.logs.fill(space, rows);
    await tx.documents.put(BACKFILLS, space, rest);
    return rest;
  });
}

/** All control records before the checkpoint are here: where the remote shows others, or other ends, it is another log. */
function isOfOurLog(rows: readonly StoredRecord[], controls: readonly StoredRecord[], until: Head): boolean {
  const last = rows.at(-1) as StoredRecord;
  if (last.position === until.position && last.hash !== until.hash) return false;
  const held = controls.filter(({ position }) => position <= last.position);
  const shown = rows.filter(({ type }) => type === 'control');
  return held.length === shown.length && held.every(({ hash }, index) => hash === shown[index]?.hash);
}

/**
 * `mismatch`: the log up to the checkpoint makes another state than its signer said. `diverged`: the remote's records do
 * not lead to the one that this machine began behind, so they prove nothing; where the home was restored, the next
 * pull says so.
 */
export type BackfillResult = 'nothing' | 'more' | 'done' | 'mismatch' | 'diverged';

/**
 * Fetches one page of the records before the checkpoint, and after the last one replays the whole log, which proves
 * the checkpoint or shows that its signer lied (`mismatch`: the replayed state is the one that counts). Goes on where
 * it was interrupted. Throws RemoteError.
 */
export async function backfill(replica: Replica, remote: Remote): Promise<BackfillResult> {
  const { space, deps } = replica;
  const waiting = await replica.notes.backfill();
  if (waiting === null) return 'nothing';
  if (waiting.next <= waiting.until.position) {
    const { records } = await remote.read(space, waiting.next, PAGE);
    const wanted = records.slice(0, waiting.until.position - waiting.next + 1);
    const chain = verifyChain(wanted, waiting.previous, space);
    const rest = await fillGap(replica, waiting, chain.ok ? chain.value.rows : []);
    if (rest === 'diverged') return rest;
    if (rest === undefined) return 'nothing';
    if (rest.next <= rest.until.position) return 'more';
  }
  const digest = await replica.rebuild(waiting.until.position, async () => {
    const now = await deps.store.read((tx) => tx.documents.get<Backfill>(BACKFILLS, space));
    if (now?.until.hash !== waiting.until.hash) return null; // the log fell back meanwhile, and is whole
    const used = await usedCommits(replica, waiting.until.position);
    const digest = new StateDigest();
    await deps.store.read(async (tx) => {
      for await (const page of statePages(await readState(tx, space, used))) digest.add(page);
    });
    return digest.hex;
  });
  if (digest === null) return 'nothing';
  await deps.store.write((tx) => tx.documents.remove(BACKFILLS, space));
  if (digest === waiting.digest) return 'done';
  deps.log('the checkpoint was wrong', { space, position: waiting.until.position });
  return 'mismatch';
}

function rowOf(bytes: Uint8Array): StoredRecord {
  const record = decodeRecord(bytes);
  if (!record.ok) throw new Error(`a record that was read before is malformed: ${record.error}`);
  return toStored(record.value as LogRecord, bytes);
}
