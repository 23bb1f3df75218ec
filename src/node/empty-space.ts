import type { SpaceId } from '../core/ids.ts';
import { membershipAfter } from '../core/log/control-history.ts';
import { forgetLog } from './forget-log.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { forgetRecoverySecret } from './recovery-file.ts';

/**
 * Whether nobody ever put anything into a space: its log is ordered here, holds no more than this machine's own control
 * records, and nothing waits to be sent. No other machine was ever let in. O(control records).
 */
export async function isEmptyLog(node: SatchelNode, space: SpaceId): Promise<boolean> {
  const { head, controls, drafts } = await node.store.read(async (tx) => ({
    head: await tx.logs.head(space),
    controls: await tx.logs.controls(space, 0),
    drafts: await tx.drafts.list(space),
  }));
  if (head === null || controls.length !== head.position + 1 || drafts.length > 0) return false;
  const self = node.deps.machine.key.machine;
  if (controls.some(({ signer }) => signer !== self)) return false;
  const membership = membershipAfter(controls);
  return membership !== null && membership.sealedRemote === null && membership.removed.size === 0 && membership.members.size === 1;
}

/** Takes an empty space away, with its recovery key. False where it is none, or was none any more once it was closed: then it stays. */
export async function discardIfEmpty(node: SatchelNode, { entry }: OpenSpace): Promise<boolean> {
  const { space } = entry;
  if (entry.remote !== null || !(await isEmptyLog(node, space))) return false;
  await node.invitations.withdrawAll(space);
  await node.dropSpace(space);
  // Something may have been captured until it was closed.
  if (!(await isEmptyLog(node, space))) {
    await node.addSpace(entry);
    return false;
  }
  await forgetLog(node, space);
  await forgetRecoverySecret(node.home, space);
  return true;
}
