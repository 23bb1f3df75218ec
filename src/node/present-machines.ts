import type { MachineId } from '../core/ids.ts';
import { machineNames } from './machine-names.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { LEFT } from './unique-name.ts';

/** The machines that take part in a space: its members without those that left. */
export async function presentMachines(node: SatchelNode, open: OpenSpace): Promise<MachineId[]> {
  const names = await machineNames(node, open);
  const members = [...open.replica.membership.members.values()];
  return members.flatMap(({ machine, role }) => (role === 'reader' && names.get(machine)?.endsWith(LEFT) === true ? [] : [machine]));
}
