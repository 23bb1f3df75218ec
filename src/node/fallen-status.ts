import { counted } from './counted.ts';
import { fallenOf } from '../core/replica/fallen.ts';
import { machineNames } from './machine-names.ts';
import type { OpenSpace, SatchelNode } from './node.ts';

export interface FallenStatus {
  /** Changes of this machine that wait for contents which only another one has. */
  readonly own: number;
  /** Changes of others whose contents only they have: they bring them when they sync. */
  readonly others: readonly { readonly machine: string; readonly changes: number; readonly revoked: boolean }[];
  /** The recovery key that was made last is not the one in force: make a new one. */
  readonly recovery_key: boolean;
}

/** Cost as of `fallenOf`. */
export async function fallenStatus(node: SatchelNode, open: OpenSpace): Promise<FallenStatus> {
  const { own, others, recovery } = await fallenOf(open.replica);
  if (others.size === 0) return { own, others: [], recovery_key: recovery };
  const names = await machineNames(node, open);
  const { members } = open.replica.membership;
  const named = [...others].map(([machine, changes]) => ({
    machine: names.get(machine) ?? machine.slice(0, 8),
    changes,
    revoked: !members.has(machine),
  }));
  return { own, others: named, recovery_key: recovery };
}

/** For people: what is not there again, and what brings it. Without the recovery key, about which there is something to do. */
export function fallenLines({ own, others }: Pick<FallenStatus, 'own' | 'others'>): string[] {
  const lines = others.map(({ machine, changes, revoked }) =>
    revoked
      ? `${counted(changes, 'change')} by ${machine} fell with the former home; that machine was revoked, so nobody brings their contents`
      : `${counted(changes, 'change')} by ${machine} fell with the former home; when ${machine} syncs, they come again`,
  );
  if (own > 0)
    lines.push(`${counted(own, 'change of this machine waits', 'changes of this machine wait')} for contents that only another one has`);
  return lines;
}
