import type { FileProblem } from '../../core/ports/files.ts';
import type { Applied, Outstanding } from '../../core/replica/workspace.ts';
import { ok, type Result } from '../../core/result.ts';
import type { TreeContext } from './context.ts';
import type { LocalState } from './local-state.ts';
import { diskPath } from './tree-memory.ts';

/** Removes a file that is as it was shown, and the folders that it leaves empty. */
export async function removeFromPlace(
  context: TreeContext,
  outstanding: Outstanding,
  state: LocalState,
): Promise<Result<Applied, FileProblem>> {
  const { item } = outstanding;
  const path = diskPath(context.memory, item.name);
  if (state.type === 'as-shown' && state.stat !== null) {
    const removed = await context.files.remove(path, state.stat);
    if (!removed.ok) return removed;
    await removeEmptyFolders(context, path);
  }
  context.memory.prefixes.delete(item.name);
  return ok({ item, content: null, local: null });
}

async function removeEmptyFolders(context: TreeContext, path: string): Promise<void> {
  for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
    const removed = await context.files.removeFolder(path.slice(0, cut));
    if (!removed.ok) return;
  }
}
