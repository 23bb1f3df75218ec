import type { TreeContext } from './context.ts';
import type { Claims } from './folding.ts';
import { FOLDED } from './plan-apply.ts';
import { loadViews } from './views-by-name.ts';

/** Items that were not here because another had their name on this disk, and whose name is free now, may come. */
export async function releaseFolded(context: TreeContext, claims: Claims): Promise<void> {
  const views = await loadViews(context);
  const free = [...views.all()]
    .filter((view) => view.notHere?.startsWith(FOLDED))
    .filter((view) => claims.holder(view.item.name) === null)
    .map((view) => ({ item: view.item, content: null, local: null }));
  if (free.length > 0) await context.workspace.applied(free);
}
