import type { MemberEntry } from '../core/log/control.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { OperationFailure } from './operations/operation.ts';
import { machineNames } from './machine-names.ts';

/** A member of a space by its name or the beginning of its id (6 characters at least); `null` where there is none. */
export async function findMachine(node: SatchelNode, open: OpenSpace, text: string): Promise<{ member: MemberEntry; name: string } | null> {
  const names = await machineNames(node, open);
  const members = [...open.replica.membership.members.values()].map((member) => ({ member, name: names.get(member.machine) ?? '' }));
  const byName = members.filter(({ name }) => name.toLowerCase() === text.toLowerCase());
  const found =
    byName.length > 0 ? byName : members.filter(({ member }) => text.length >= 6 && member.machine.startsWith(text.toLowerCase()));
  const describe = (id: string): string => `${id.slice(0, 12)}${id === node.deps.machine.key.machine ? ' (this one)' : ''}`;
  if (found.length > 1)
    throw new OperationFailure(
      'usage',
      'ambiguous-machine',
      `${found.length} machines are called ${text}: ${found.map(({ member }) => describe(member.machine)).join(', ')}`,
      'Say the beginning of its id instead of its name. Which is which: satchel machines',
    );
  return found[0] ?? null;
}
