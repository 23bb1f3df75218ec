import type { MemberEntry } from '../core/log/control.ts';
import { openText } from '../core/replica/sealed-text.ts';
import { renameMachine } from './machine-identity.ts';
import { machineNameProblem } from './machine-name.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { compareSpaces, isLeftBehind } from './operations/status-verdict.ts';

/** An entry is another one once something of it changed. */
const opened = new WeakMap<MemberEntry, string>();

/** What the log of a space calls this machine; `null` where it is no member, or that cannot be read here (yet). O(1). */
export async function ownNameIn(node: SatchelNode, { replica }: OpenSpace): Promise<string | null> {
  if (replica.term === null || !replica.canWrite) return null;
  const entry = replica.membership.members.get(replica.machine);
  if (entry === undefined) return null;
  const name = opened.get(entry) ?? (await openText(entry.sealedName, replica.space, replica.keys, node.deps.compression));
  if (name !== null) opened.set(entry, name);
  return name;
}

/**
 * Has this machine call itself what the members of its space call it, of the personal one before others: whoever owns the space may have
 * called it otherwise. Durable. Cost: nothing where that did not change.
 */
export async function followOwnName(node: SatchelNode): Promise<void> {
  const spaces = [...node.spaces.values()].filter(({ entry }) => !isLeftBehind(entry.name));
  for (const open of spaces.sort((a, b) => compareSpaces(a.entry, b.entry))) {
    const name = await ownNameIn(node, open);
    if (name === null || machineNameProblem(name) !== null) continue;
    if (name !== node.deps.machine.name) await callItself(node, name);
    return;
  }
}

/** What this machine calls itself where no space says how. Durable. */
export async function callItself(node: SatchelNode, name: string): Promise<void> {
  await renameMachine(node.home, name);
  (node.deps as { machine: typeof node.deps.machine }).machine = { ...node.deps.machine, name };
}
