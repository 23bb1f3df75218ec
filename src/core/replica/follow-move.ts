import { decodeControl } from '../log/control.ts';
import { isOwner } from '../log/membership.ts';
import { decodeRecord, EMPTY_HEAD, hasValidSignature, type Head } from '../log/record.ts';
import type { Remote } from '../ports/remote.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { isCopied, OtherHistory } from './copy-log.ts';
import { keepErasures } from './fallen-erasures.ts';
import { completeUpTo, gapUntil } from './late-join.ts';
import type { Replica } from './replica.ts';
import type { Divergence } from './chain.ts';

const PAGE = { records: 256, bytes: 8 * 1024 * 1024 };

/**
 * Whether a divergence is explained by a move of the home remote, and if so, follows it. True: pull again.
 *
 * - The remote is at an earlier point of our own history and knows nothing of a later move that we have seen: the
 *   move was interrupted. The missing records are brought there.
 * - The remote's log parts from ours, and behind the parting stands a move record of a term higher than ours, signed
 *   by an owner: everything before it is vouched for by that owner, since it is in the hash chain. Our log falls
 *   back to the parting; what lay beyond lands again as drafts.
 *
 * Anything else is a fork or a roll-back: named, not followed. Cost: O(log records) round trips to find the parting.
 */
export async function followMove(replica: Replica, remote: Remote, divergence: Divergence): Promise<boolean> {
  const local = await replica.head();
  if (local === null || divergence.type === 'broken') return false;
  if (replica.term === null) await replica.catchUp(); // what was stored before may not be replayed yet
  const there = await remote.head(replica.space);
  if (there === null) return false;
  const shared = await lastShared(replica, remote);
  // Of ours, only moves by owners count: anyone may have begun a term with a record that is void.
  const { term } = replica.membership;
  if (shared.position === there.position && there.term < term) {
    // Whoever lacks older records itself leaves it to the others.
    if (there.position < ((await gapUntil(replica)) ?? 0)) return false;
    try {
      return await isCopied(replica, remote);
    } catch (error) {
      // Somebody went on there meanwhile: what stands there now is looked at anew.
      if (error instanceof OtherHistory) return true;
      throw error;
    }
  }
  if (there.term <= term || shared.position < 0 || shared.position >= local.position) return false;
  if (!(await isVouchedFor(replica, remote, shared, term))) return false;
  await fallBackTo(replica, remote, shared);
  return true;
}

/** The local log falls back to a record that the remote has too, in one transaction with `also`. Throws RemoteError. */
export async function fallBackTo(
  replica: Replica,
  remote: Remote,
  { position }: Head,
  also?: (tx: StoreTransaction) => Promise<void>,
): Promise<void> {
  await completeUpTo(replica, remote, position);
  const keeps = await keepErasures(replica, position);
  await replica.fallBack(position, async (tx) => {
    await keeps(tx);
    await also?.(tx);
  });
}

/**
 * The newest record that both logs hold: equal hashes mean equal history before it. Where records before a checkpoint
 * are missing here, and the logs part there, the newest control record that both hold.
 */
export async function lastShared(replica: Replica, remote: Remote): Promise<Head> {
  const [local, there] = [await replica.head(), await remote.head(replica.space)];
  let [low, high] = [-1, Math.min(local?.position ?? -1, there?.position ?? -1)];
  const gap = await gapUntil(replica);
  if (gap !== null && (gap > high || !(await isShared(replica, remote, gap)))) return lastSharedControl(replica, remote);
  if (gap !== null) low = gap;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (await isShared(replica, remote, middle)) low = middle;
    else high = middle - 1;
  }
  if (low < 0) return EMPTY_HEAD;
  const [record] = await replica.deps.store.read((tx) => tx.logs.read(replica.space, low, { records: 1, bytes: 1 }));
  return record === undefined ? EMPTY_HEAD : { term: record.term, position: low, hash: record.hash };
}

async function lastSharedControl(replica: Replica, remote: Remote): Promise<Head> {
  const controls = await replica.deps.store.read((tx) => tx.logs.controls(replica.space, 0));
  for (const { term, position, hash } of controls.toReversed())
    if (await isShared(replica, remote, position)) return { term, position, hash };
  return EMPTY_HEAD;
}

async function isShared(replica: Replica, remote: Remote, position: number): Promise<boolean> {
  const [mine] = await replica.deps.store.read((tx) => tx.logs.read(replica.space, position, { records: 1, bytes: 1 }));
  const { records } = await remote.read(replica.space, position, { records: 1, bytes: 1 });
  const theirs = records[0] === undefined ? null : decodeRecord(records[0]);
  return mine !== undefined && theirs?.ok === true && theirs.value.hash === mine.hash;
}

/** Looks behind the parting for the owner's move. The chain is checked here and again when the records are taken. */
async function isVouchedFor(replica: Replica, remote: Remote, shared: Head, term: number): Promise<boolean> {
  let previous = shared;
  for (;;) {
    const { records } = await remote.read(replica.space, previous.position + 1, PAGE);
    if (records.length === 0) return false;
    for (const bytes of records) {
      const record = decodeRecord(bytes);
      if (!record.ok || record.value.header.previous !== previous.hash || record.value.header.position !== previous.position + 1)
        return false;
      const { header, hash, body } = record.value;
      if (
        header.type === 'control' &&
        header.term > term &&
        isOwner(replica.membership, header.signer) &&
        hasValidSignature(record.value)
      ) {
        const payload = decodeControl(body);
        if (payload.ok && payload.value.op === 'move' && payload.value.term === header.term && payload.value.head === header.previous)
          return true;
      }
      previous = { term: header.term, position: header.position, hash };
    }
  }
}
