import type { MachineId, SpaceId } from '../core/ids.ts';
import { namedShortly } from './counted.ts';
import { discardIfEmpty } from './empty-space.ts';
import { machineNames } from './machine-names.ts';
import type { SatchelNode } from './node.ts';
import { OperationFailure } from './operations/operation.ts';
import { LEFT_BEHIND } from './operations/status-verdict.ts';
import { presentMachines } from './present-machines.ts';
import { revocationOf } from './revocation.ts';
import { PERSONAL, type SpaceEntry } from './space-registry.ts';

/** A space that other machines take part in too, which this machine's folders left for another one. */
export interface LeftBehind {
  readonly space: SpaceId;
  /** What it is called here from now on. */
  readonly name: string;
  /** The others, by the names that they have there. */
  readonly machines: readonly string[];
  /** This machine's own, by which they can take it off their list. */
  readonly id: MachineId;
}

/** The personal space of this machine, where it is not `joining` and others share it; `null` else, and where this machine was revoked from it. */
export async function sharedSpace(node: SatchelNode, joining: SpaceId): Promise<LeftBehind | null> {
  const self = node.deps.machine.key.machine;
  for (const open of node.spaces.values()) {
    const { entry } = open;
    if (entry.name !== PERSONAL || entry.space === joining || (await open.replica.head()) === null) continue;
    const present = await presentMachines(node, open);
    if (!present.includes(self) || present.length === 1 || (await revocationOf(node, open)) !== null) continue;
    const names = await machineNames(node, open);
    const machines = present.flatMap((machine) => (machine === self ? [] : [names.get(machine) ?? machine.slice(0, 8)]));
    return { space: entry.space, name: nameBehind(entry.space), machines, id: self };
  }
  return null;
}

/**
 * A machine's folders are in one personal space. What they hold goes to every machine of the one that they go over to, and
 * what the others of the present one write comes no more: nobody's folders go over for a link alone. Throws OperationFailure.
 */
export function refuseGoingOver({ machines }: LeftBehind, inviter: string): never {
  throw new OperationFailure(
    'usage',
    'shares-a-space',
    `this machine shares its space with ${namedShortly(machines)}: with this link its folders, and all that is in them, go over to the space of ${inviter}`,
    'To leave the present one first: satchel leave. To go over at once, and keep its history here under another name: the same with --switch',
  );
}

/** A personal space that this machine made, or was in, before it joined keeps its history under another name; its files join. One without history goes. Returns what puts it back. */
export async function stepAside(node: SatchelNode, joining: SpaceId): Promise<() => Promise<void>> {
  const aside: SpaceEntry[] = [];
  for (const open of [...node.spaces.values()]) {
    if (open.entry.name !== PERSONAL || open.entry.space === joining) continue;
    if (await discardIfEmpty(node, open)) continue;
    await node.updateSpace({ ...open.entry, name: nameBehind(open.entry.space) });
    aside.push(open.entry);
  }
  return async () => {
    for (const entry of aside) await node.updateSpace(entry);
  };
}

function nameBehind(space: SpaceId): string {
  return `${LEFT_BEHIND}${space.slice(0, 6)}`;
}
