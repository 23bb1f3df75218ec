import type { SpaceId } from '../core/ids.ts';
import { controlHistory } from '../core/log/control-history.ts';
import { homeOf } from '../core/replica/move-home.ts';
import { Replica } from '../core/replica/replica.ts';
import { isEmptyLog } from './empty-space.ts';
import { parseDescriptor } from './move-space.ts';
import type { SatchelNode } from './node.ts';
import { readRecoverySecret } from './recovery-file.ts';

/** A log in this store that is of no space here, and what is gone with it. */
export interface LoneLog {
  readonly space: string;
  /** Kept for machines elsewhere; ordered here, of a space that this machine left; or only its recovery key is here alone. */
  readonly why: 'for-others' | 'only-here' | 'recovery-key';
  readonly machines: number;
  /** The recovery key that this machine made was never written down. */
  readonly recovery_unshown: boolean;
  /** The store that it stays in when this machine's folder goes, as shown to people; `null`: in that folder. */
  readonly elsewhere: string | null;
}

/**
 * What the store holds beside the spaces of this node, copies of other homes' logs left out. Where a log that is kept for
 * others moved away to, only they can read: it counts. O(control records).
 */
export async function loneLogs(node: SatchelNode): Promise<LoneLog[]> {
  const found: LoneLog[] = [];
  for (const space of await node.store.read((tx) => tx.logs.spaces())) {
    const log = node.spaces.has(space) ? null : await lookAt(node, space);
    if (log !== null) found.push(log);
  }
  return found;
}

async function lookAt(node: SatchelNode, space: SpaceId): Promise<LoneLog | null> {
  const events = controlHistory(await node.store.read((tx) => tx.logs.controls(space, 0)));
  const membership = events.at(-1)?.after;
  if (membership === undefined) return null;
  const self = node.deps.machine.key.machine;
  const isOwn = membership.members.has(self) || membership.removed.has(self);
  if (isOwn && (await isEmptyLog(node, space))) return null;
  const recoveryUnshown = (await readRecoverySecret(node.home, space)) !== null;
  const isMade = events[0]?.record.header.signer === self;
  const isHere = isOwn && (membership.sealedRemote === null ? isMade : await isMovedHere(node, space));
  // Another owner can make a new one.
  const isOwned = [...membership.members.values()].some(({ machine, role }) => machine !== self && role === 'owner');
  if (isOwn && !isHere && (isOwned || !recoveryUnshown)) return null;
  return {
    space,
    why: !isOwn ? 'for-others' : isHere ? 'only-here' : 'recovery-key',
    machines: membership.members.size,
    recovery_unshown: recoveryUnshown,
    elsewhere: node.store.place,
  };
}

async function isMovedHere(node: SatchelNode, space: SpaceId): Promise<boolean> {
  const replica = await Replica.open(node.deps, space);
  // Where it cannot be read any more, nothing of it is lost.
  const said = replica.canWrite ? await homeOf(replica) : null;
  const home = said === null ? null : parseDescriptor(said);
  return home?.hubKey === node.deps.machine.key.machine;
}
