import { openText } from '../core/replica/sealed-text.ts';
import type { OpenSpace, SatchelNode } from './node.ts';

/** Machines' names as members may read them, by id; unreadable ones are shown by the beginning of their key. */
export async function machineNames(node: SatchelNode, open: OpenSpace): Promise<Map<string, string>> {
  const { membership, space } = open.replica;
  const names = new Map<string, string>();
  for (const member of [...membership.removed.values(), ...membership.members.values()]) {
    const name = open.replica.canWrite ? await openText(member.sealedName, space, open.replica.keys, node.deps.compression) : null;
    names.set(member.machine, name ?? member.machine.slice(0, 8));
  }
  return names;
}
