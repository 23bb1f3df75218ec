import type { MemberEntry } from '../core/log/control.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { OperationFailure } from './operations/operation.ts';
import { machineNames } from './operations/status.ts';

/** A member of a space by its name or the beginning of its id (6 characters at least); `null` where there is none. */
export async function findMachine(node: SatchelNode, open: OpenSpace, text: string): Promise<{ member: MemberEntry; name: string } | null> {
  const names = await machineNames(node, open);
  const members = [...open.replica.membership.members.values()].map((member) => ({ member, name: names.get(member.machine) ?? '' }));
  const byName = members.filter(({ name }) => name.toLowerCase() === text.toLowerCase());
  const found =
    byName.length > 0 ? byName : members.filter(({ member }) => text.length >= 6 && member.machine.startsWith(text.toLowerCase()));
  if (found.length > 1)
    throw new OperationFailure(
      'usage',
      'ambiguous-machine',
      `${found.length} machines are called ${text}: ${found.map(({ member }) => member.machine.slice(0, 12)).join(', ')}`,
      'Name it by the beginning of its id: satchel machines',
    );
  return found[0] ?? null;
}
