import { isOwner } from '../../core/log/membership.ts';
import { machineNames } from '../machine-names.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { warned, type Check } from './check.ts';

/** Machines of one name cannot be told apart in the log, nor be meant by it. Nothing where each has its own. O(members). */
export async function checkNames(node: SatchelNode, open: OpenSpace): Promise<Check[]> {
  const { membership } = open.replica;
  const names = await machineNames(node, open);
  const byName = new Map<string, string[]>();
  for (const machine of membership.members.keys()) {
    const key = (names.get(machine) ?? '').toLowerCase();
    byName.set(key, [...(byName.get(key) ?? []), machine]);
  }
  const self = node.deps.machine.key.machine;
  const shared = [...byName.values()].filter((machines) => machines.length > 1);
  const [first] = shared;
  if (first === undefined) return [];
  const other = first.find((machine) => machine !== self) ?? self;
  return [
    warned(
      `space.names:${open.entry.name}`,
      'low',
      'some machines have the same name, so that the log does not tell which one wrote what',
      isOwner(membership, self) ? `Run: satchel machines rename ${other.slice(0, 12)} NAME` : 'Ask an owner: satchel machines rename',
      shared.map((machines) => machines.map((machine) => `${names.get(machine)} (${machine.slice(0, 12)})`).join(', ')),
    ),
  ];
}
