import type { ObjectId } from '../ids.ts';
import { membershipAfter } from '../log/control-history.ts';
import type { ControlPayload } from '../log/control.ts';
import { isOwner } from '../log/membership.ts';
import type { Remote } from '../ports/remote.ts';
import { appendControl, NotAllowed } from './administer.ts';
import { copyBodies, copyLog, isCopiedFromHere, ObjectsLost, sourceWhileItAnswers } from './copy-log.ts';
import { decideAgain, keepDecisions } from './fallen-decisions.ts';
import { eraseAgain } from './erase-again.ts';
import { fallBackTo, lastShared } from './follow-move.ts';
import { backfill, gapUntil } from './late-join.ts';
import { obeyDropsAgain } from './prune-obey.ts';
import { landAgain } from './land-again.ts';
import type { Replica } from './replica.ts';
import { openText, sealText } from './sealed-text.ts';
import { pull } from './pull.ts';

/**
 * Moves the space's home remote: copies the log to `target`, then appends an owner-signed move record at the present
 * home, which members there see and follow, and brings it to the target too. Goes on where it was interrupted.
 * `descriptor` is what members need to find the target; it is encrypted for them. Bodies that are nowhere to be had stop it
 * (`ObjectsLost`), or go into `leftOut`. Throws NotAllowed, RemoteError.
 */
export async function moveHome(
  replica: Replica,
  from: Remote,
  target: Remote,
  descriptor: string,
  onProgress?: (done: number, total: number) => void,
  leftOut: Set<ObjectId> | null = null,
): Promise<void> {
  const source = (ids: readonly ObjectId[]) => from.getObjects(replica.space, ids);
  const isHere = target.objects !== undefined && target.objects === replica.deps.objects;
  let brought = 0;
  const bringBodies = async (): Promise<void> => {
    if (isHere)
      brought = await copyBodies(replica, target, brought, source, { leftOut, ...(onProgress === undefined ? {} : { onProgress }) });
  };
  if ((await homeOf(replica)) !== descriptor) {
    await completeHistory(replica, from);
    await copyKnowingDrops(replica, from, async () => {
      await copyLog(replica, target, onProgress, source, leftOut);
      await bringBodies();
    });
    // Where the answer of an earlier attempt got lost, the record is there: a second one nobody at the target would know.
    await appendControl(replica, from, async () => ((await homeOf(replica)) === descriptor ? null : moveRecord(replica, descriptor)));
  }
  await copyLog(replica, target, onProgress, source, leftOut);
  await bringBodies(); // of what came between
  await obeyDropsAgain(replica, target);
}

/**
 * Makes `target` the home without asking the present one, which is lost or was restored from a backup. Where the
 * target holds an earlier point of our history, the missing records are brought there. Where others went on there
 * since, or bodies of missing records are lost with it, what we had instead lands again behind what is there. An
 * owner-signed move record of the next term closes it: every member follows that, and lands again what fell out. Who was
 * revoked is revoked again. Where this machine is no owner before what is lost, and could sign nothing there, the log goes whole, and `leftOut`
 * gets the bodies that are missing. Throws NotAllowed, RemoteError.
 */
export async function reviveHome(replica: Replica, target: Remote, descriptor: string, leftOut = new Set<ObjectId>()): Promise<void> {
  const pulled = await pull(replica, target);
  const { divergence } = pulled;
  if (divergence !== null) {
    if (divergence.type === 'broken') throw new NotAllowed(`the log at the remote is broken: ${divergence.reason}`);
    const shared = await lastShared(replica, target);
    const there = await target.head(replica.space);
    if (there !== null && shared.position < 0) throw new NotAllowed('the remote holds a log of this space that shares nothing with ours');
    const isWhole = (there?.position ?? -1) >= ((await gapUntil(replica)) ?? -1);
    const isBehind = isWhole && (there === null || there.position === shared.position);
    if (!isBehind || !(await isCopiedFromHere(replica, target))) {
      const { membership, space } = replica;
      const to = await lastShared(replica, target);
      // Who became an owner behind what is lost could sign nothing there: the log goes whole, without those bodies.
      if (isBehind && !(await isOwnerAt(replica, to.position)))
        await copyLog(replica, target, undefined, sourceWhileItAnswers(replica), leftOut);
      else await fallBackTo(replica, target, to, (tx) => keepDecisions(tx, space, membership, to.position));
    }
  }
  await appendControl(replica, target, () => moveRecord(replica, descriptor));
  await decideAgain(replica, target);
  await eraseAgain(replica, target); // before anybody brings it again
  await landAgain(replica);
  await obeyDropsAgain(replica, target);
}

async function isOwnerAt({ deps, space, machine }: Replica, position: number): Promise<boolean> {
  const controls = await deps.store.read((tx) => tx.logs.controls(space, 0));
  const membership = membershipAfter(controls.filter((stored) => stored.position <= position));
  return membership !== null && isOwner(membership, machine);
}

/** What the present home lacks may have been pruned or forgotten by a record that is not here yet. */
async function copyKnowingDrops(replica: Replica, from: Remote, copy: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await copy();
    } catch (error) {
      if (!(error instanceof ObjectsLost)) throw error;
      const { position } = replica;
      await pull(replica, from);
      if (replica.position <= position) throw error;
    }
  }
}

/** A log that began with a checkpoint has gaps: nothing can be copied from it before they are filled. */
async function completeHistory(replica: Replica, from: Remote): Promise<void> {
  for (;;) {
    const result = await backfill(replica, from);
    if (result === 'nothing' || result === 'done') return;
    if (result === 'mismatch') throw new NotAllowed('the checkpoint that this machine began with was wrong; look at: satchel doctor');
    if (result === 'diverged') throw new NotAllowed('the home does not hold the history that this machine began behind; run: satchel sync');
  }
}

/** What sealed homes say, by the bytes that the membership holds: it is asked for after each sync. */
const opened = new WeakMap<Uint8Array, string>();

/** Where the log says that its home is since its last move; `null` before the first. */
export async function homeOf(replica: Replica): Promise<string | null> {
  const { sealedRemote } = replica.membership;
  if (sealedRemote === null) return null;
  const known = opened.get(sealedRemote);
  if (known !== undefined) return known;
  const text = await openText(sealedRemote, replica.space, replica.keys, replica.deps.compression);
  if (text !== null) opened.set(sealedRemote, text);
  return text;
}

const TERMS = 'terms';

/**
 * A term is given out once, durably before it is signed: a move whose answer got lost may have been seen by members,
 * and another move under the same term would be a fork to them.
 */
async function moveRecord(replica: Replica, descriptor: string): Promise<ControlPayload> {
  const head = await replica.head();
  if (head === null) throw new NotAllowed('the space has no log here');
  const { space, keyId, keys, deps } = replica;
  const term = await deps.store.write(async (tx) => {
    const given = (await tx.documents.get<number>(TERMS, space)) ?? 0;
    const next = Math.max(head.term, given) + 1;
    await tx.documents.put(TERMS, space, next);
    return next;
  });
  return { op: 'move', term, position: head.position, head: head.hash, sealedRemote: await sealText(descriptor, space, keyId, keys, deps) };
}
