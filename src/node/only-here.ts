import { isLoopback } from '../gateways/native/guard.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { presentMachines } from './present-machines.ts';

/**
 * Whether a space’s log is ordered at this node for other machines, none of which reaches it: it listens on this machine
 * only. False while it does not listen. Cost: the names of the members.
 */
export async function isOnlyHere(node: SatchelNode, open: OpenSpace): Promise<boolean> {
  const address = node.descriptor()?.address;
  if (open.entry.remote !== null || address === undefined || !isLoopback(new URL(address).hostname)) return false;
  return (await open.replica.head()) !== null && (await presentMachines(node, open)).length > 1;
}
