import type { Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import { judgeAbsences } from './absence.ts';
import type { TreeContext } from './context.ts';
import type { SourceState } from './reports.ts';
import { foldersAbove, type TreeRound } from './tree-round.ts';
import { isBeingRemoved, isBeingRestored, type ViewsByName } from './views-by-name.ts';

/** The root is missing, or is not the folder it was and holds nothing of what is shown. */
export function rootProblem(context: TreeContext, round: TreeRound, views: ViewsByName): SourceState | null {
  const shown = [...views.shown()];
  if (shown.length === 0) return null;
  if (shown.every((name) => context.memory.confirmed.has(name))) return null;
  if (round.root === null) return { type: 'root-missing', message: 'the folder is not there', names: shown };
  if (round.scope !== null) {
    if (context.memory.state.type === 'root-missing') return context.memory.state;
    return context.memory.root === null || round.root === context.memory.root
      ? null
      : { type: 'root-missing', message: 'another folder is in its place', names: shown };
  }
  if (context.rules.mayBeEmpty === true && context.memory.state.type !== 'root-missing') return null;
  if (shown.some((name) => round.present.has(name) || isUnseen(round, name))) return null;
  // Watched all the time, and the same folder: its last few files were removed by someone who meant it.
  const watched = context.memory.root === round.root && context.memory.scannedOnce;
  if (watched && context.memory.state.type !== 'root-missing' && shown.length <= context.limits.deletions) return null;
  // What else is there waits too: it may be another disk, whose files nobody wants carried.
  const message = round.present.size === 0 ? 'the folder is suddenly empty' : 'the folder holds other files, and none of what it held';
  return { type: 'root-missing', message, names: shown };
}

/** The items whose absence is a wish to delete them. Sets the source's state where some wait for an answer. */
export function absences(context: TreeContext, round: TreeRound, views: ViewsByName): Item[] {
  const { memory, rules, limits, clock } = context;
  const held = memory.state.type === 'mass-deletion' ? new Set(memory.state.names) : new Set<string>();
  const gone: View[] = [];
  const stillHeld: string[] = [];
  for (const view of views.all()) {
    const { name } = view.item;
    if (view.shown === null || view.notHere !== null) continue;
    if (!inScope(round, name)) {
      if (held.has(name)) stillHeld.push(name);
    } else if (!round.present.has(name) && !isUnseen(round, name) && !isBeingRestored(view)) gone.push(view);
  }
  const now = clock.now();
  const recent = memory.deletions.filter(({ time }) => Math.abs(now - time) < limits.deletionsWindowMs);
  memory.deletions.splice(0, memory.deletions.length, ...recent);
  const deletable = gone.filter((view) => rules.deletable(view.item.kind) && !isBeingRemoved(view)).map((view) => view.item.name);
  const judged = judgeByGroup(context, [...deletable, ...stillHeld], held, views);
  if (judged.hold.length > 0) {
    memory.state = { type: 'mass-deletion', message: `${judged.hold.length} files are gone at once`, names: judged.hold };
  } else if (memory.state.type !== 'disk-full') memory.state = { type: 'ok' };
  for (const [group, names] of byGroup(context, judged.take)) memory.deletions.push({ time: now, group, count: names.length });
  for (const name of judged.take) memory.confirmed.delete(name);
  const hold = new Set(judged.hold);
  const answered = stillHeld.filter((name) => !hold.has(name)).flatMap((name) => views.get(name)?.item ?? []);
  return [...gone.map((view) => view.item).filter((item) => !hold.has(item.name)), ...answered];
}

/** Judges all absences together, and then each group by itself. */
function judgeByGroup(
  context: TreeContext,
  absent: readonly string[],
  held: ReadonlySet<string>,
  views: ViewsByName,
): ReturnType<typeof judgeAbsences> {
  const { confirmed, deletions } = context.memory;
  const recentOf = (group: string | null): number =>
    deletions.filter((each) => group === null || each.group === group).reduce((sum, { count }) => sum + count, 0);
  const shared = { confirmed, held, limit: context.limits.deletions, many: context.limits.manyDeletions };
  const all = judgeAbsences({ ...shared, absent, shown: views.deletable(), recent: recentOf(null) });
  const hold = new Set(all.hold);
  for (const [group, names] of byGroup(context, all.take)) {
    // Counting what is shown of a group is worth it only where enough of it is gone.
    if (group === null || names.length + recentOf(group) <= shared.limit) continue;
    const judged = judgeAbsences({ ...shared, absent: names, shown: views.deletable(group), recent: recentOf(group) });
    for (const name of judged.hold) hold.add(name);
  }
  return { take: absent.filter((name) => !hold.has(name)), hold: [...hold] };
}

function byGroup(context: TreeContext, names: readonly string[]): Map<string | null, string[]> {
  const groups = new Map<string | null, string[]>();
  for (const name of names) {
    const group = context.rules.groupOf?.(name) ?? null;
    const known = groups.get(group);
    if (known === undefined) groups.set(group, [name]);
    else known.push(name);
  }
  return groups;
}

/** Files that a restore did not come to write before the process died. */
export function interruptedRestores(round: TreeRound, views: ViewsByName): string[] {
  const names = [...views.all()].filter(isBeingRestored).map((view) => view.item.name);
  return names.filter((name) => inScope(round, name) && !round.present.has(name) && !isUnseen(round, name));
}

/** Whether the round looked at the place of a name. O(folders above it). */
export function inScope({ scope }: TreeRound, name: string): boolean {
  if (scope === null || scope.has(name)) return true;
  for (const folder of foldersAbove(name)) if (scope.has(folder)) return true;
  return false;
}

function isUnseen(round: TreeRound, name: string): boolean {
  return round.unseen.some((folder) => folder === '' || name.startsWith(`${folder}/`));
}
