import { parseItem } from '../../core/item.ts';
import { isTemporary } from '../../core/ports/files.ts';
import type { Outstanding } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';
import { createClaims, type Claims } from './folding.ts';
import type { NamedReason } from './reports.ts';
import { isDue } from './retries.ts';

/** Begins the reason of an item that waits for another to free its name. */
export const FOLDED = 'the disk takes its name for that of';

export interface ApplyPlan {
  /** Sorted by name: parents first. */
  readonly due: readonly Outstanding[];
  readonly notHere: readonly { readonly outstanding: Outstanding; readonly reason: string }[];
  readonly waiting: readonly NamedReason[];
}

/** Sorts out what this source puts in place, what this disk cannot hold, and what has to wait. O(outstanding). */
export async function planApply(context: TreeContext, claims: Claims | null): Promise<ApplyPlan> {
  const { workspace, rules, memory } = context;
  const all = (await workspace.outstanding()).filter(({ item }) => rules.classify(item.name)?.kind === item.kind);
  const held = new Set(memory.state.type === 'mass-deletion' ? memory.state.names : []);
  const due: Outstanding[] = [];
  const notHere: { outstanding: Outstanding; reason: string }[] = [];
  const waiting: NamedReason[] = [];
  for (const outstanding of all.toSorted((a, b) => (a.item.name < b.item.name ? -1 : 1))) {
    const { name } = outstanding.item;
    const reason = cannotHold(outstanding) ?? foldedBy(outstanding, claims);
    if (reason !== null) notHere.push({ outstanding, reason });
    else if (held.has(name)) waiting.push({ name, reason: 'its deletion here waits for an answer' });
    else if (isDue(context, name)) due.push(outstanding);
    else waiting.push({ name, reason: memory.retries.get(name)?.reason ?? '' });
  }
  // What nothing is left to be done for is not tried again.
  const open = new Set([...due, ...all.filter(({ item }) => !isDue(context, item.name))].map(({ item }) => item.name));
  for (const name of memory.retries.keys()) if (!open.has(name) || held.has(name)) memory.retries.delete(name);
  return { due, notHere, waiting };
}

/** On a disk that folds names: what stands there, in its spelling. `null` on others. */
export function claimsOnDisk(context: TreeContext): Claims | null {
  const { folding } = context.memory;
  if (folding === null || (!folding.case && !folding.unicode)) return null;
  const scan = context.files.scan({ enters: (folder) => context.rules.enters?.(folder.normalize('NFC')) !== false });
  return createClaims(
    folding,
    [...scan.entries.keys()].map((path) => path.normalize('NFC')),
  );
}

function cannotHold({ item }: Outstanding): string | null {
  const parsed = parseItem(item.kind, item.name);
  if (!parsed.ok) return parsed.error;
  return item.name.split('/').some((segment) => isTemporary(segment)) ? 'its name is one of unfinished writes' : null;
}

function foldedBy(outstanding: Outstanding, claims: Claims | null): string | null {
  if (claims === null || outstanding.content === null) return null;
  const first = claims.claim(outstanding.item.name);
  return first === null ? null : `${FOLDED} ${JSON.stringify(first)}`;
}
