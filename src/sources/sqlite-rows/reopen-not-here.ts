import type { RowsContext } from './context.ts';
import { isOutOfScope } from './row-scope.ts';

/**
 * What another release could not hold may be held by the one that is here now: it is outstanding again, and what was shown of it stays the base of
 * what is found. O(views), once a release; nothing in a process that found everything here when it began.
 */
export async function reopenNotHere({ workspace, profile, memory }: RowsContext): Promise<void> {
  if (memory.shape === null || memory.reopenedFor === memory.shape) return;
  if (memory.reopenedFor === null && !memory.hadNotHere) {
    memory.reopenedFor = memory.shape;
    return;
  }
  const views = [...(await workspace.views()).values()].filter(
    ({ item, notHere }) => item.kind === profile.kind && notHere !== null && !isOutOfScope(notHere),
  );
  if (views.length > 0) await workspace.applied(views.map(({ item, shown, local }) => ({ item, content: shown, local })));
  memory.reopenedFor = memory.shape;
}
