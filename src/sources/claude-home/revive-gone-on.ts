import type { Content } from '../../core/content.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Workspace } from '../../core/replica/workspace.ts';
import { parseProjectName } from '../../kinds/claude-home/session-name.ts';
import { forgetShown } from './exchange-forks.ts';

/**
 * A session whose file went from here, by age or by hand, and that somebody used again elsewhere, is wanted here again: it and
 * what belongs to it are outstanding. Cost: a look-up each.
 */
export async function reviveGoneOn(
  workspace: Workspace,
  transcripts: readonly { readonly item: Item; readonly content: Content }[],
): Promise<void> {
  if (transcripts.length === 0) return;
  const views = await workspace.views(transcripts.map(({ item }) => item.name));
  for (const { item, content } of transcripts) {
    const view = views.get(itemKey(item));
    const parts = parseProjectName(item.name);
    if (view === undefined || view.notHere === null || view.shown === null || view.shown.digest === content.digest) continue;
    if (parts?.session != null) await forgetShown(workspace, { project: parts.folder, session: parts.session });
  }
}
