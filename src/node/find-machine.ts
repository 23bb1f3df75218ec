import type { MemberEntry } from '../core/log/control.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { OperationFailure } from './operations/operation.ts';
import { machineNames } from './machine-names.ts';
import { LEFT } from './unique-name.ts';

interface FoundMember {
  readonly member: MemberEntry;
  readonly name: string;
}

/** A member of a space by its name or the beginning of its id (6 characters at least); `null` where there is none. */
export async function findMachine(node: SatchelNode, open: OpenSpace, text: string): Promise<FoundMember | null> {
  const found = await membersCalled(node, open, text, (name) => [name]);
  if (found.length > 1) throw ambiguousMachine(node, text, found);
  return found[0] ?? null;
}

/** All whom somebody may mean who says this of a machine that is gone: one of that name, one that had it and left, or the beginning of an id. */
export function machinesMeant(node: SatchelNode, open: OpenSpace, text: string): Promise<readonly FoundMember[]> {
  return membersCalled(node, open, text, (name) => (name.endsWith(LEFT) ? [name, name.slice(0, -LEFT.length)] : [name]));
}

async function membersCalled(
  node: SatchelNode,
  open: OpenSpace,
  text: string,
  namesOf: (name: string) => readonly string[],
): Promise<FoundMember[]> {
  const wanted = text.toLowerCase();
  const names = await machineNames(node, open);
  const members = [...open.replica.membership.members.values()].map((member) => ({ member, name: names.get(member.machine) ?? '' }));
  const byName = members.filter(({ name }) => namesOf(name.toLowerCase()).includes(wanted));
  return byName.length > 0 ? byName : members.filter(({ member }) => wanted.length >= 6 && member.machine.startsWith(wanted));
}

/** Each is named with its id, and where there are several of one id, once. */
export function ambiguousMachine(node: SatchelNode, text: string, found: readonly FoundMember[]): OperationFailure {
  const self = node.deps.machine.key.machine;
  const byId = new Map(found.map(({ member, name }) => [member.machine, name]));
  const described = [...byId].map(([id, name]) => `${id.slice(0, 12)} ${name}${id === self ? ' (this one)' : ''}`);
  return new OperationFailure(
    'usage',
    'ambiguous-machine',
    `${byId.size} machines are called ${text}: ${described.join(', ')}`,
    'Say the beginning of its id instead of its name. Which is which: satchel machines',
  );
}
