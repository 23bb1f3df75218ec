import type { FileProblem } from '../../core/ports/files.ts';
import type { Applied, Outstanding } from '../../core/replica/workspace.ts';
import { fail, ok, type Result } from '../../core/result.ts';
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

/** Removes the folders above a removed file, as long as they are empty. */
export async function removeEmptyFolders(context: TreeContext, path: string): Promise<void> {
  for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
    const removed = await context.files.removeFolder(path.slice(0, cut));
    if (!removed.ok) return;
  }
}

/** Removes a folder in which there is nothing but folders. Leaves all where there is more. */
export async function removeHollowFolder(context: TreeContext, path: string): Promise<Result<null, FileProblem>> {
  const { entries, unreadable } = context.files.scan({ under: path });
  const hollow = unreadable.length === 0 && [...entries.values()].every((stat) => stat.type === 'folder');
  if (!hollow) return fail({ type: 'in-the-way', message: 'a folder with other files is in its place' });
  for (const folder of [...entries.keys()].toSorted((a, b) => b.length - a.length)) {
    const removed = await context.files.removeFolder(folder);
    if (!removed.ok) return removed;
  }
  return ok(null);
}
