import type { View } from '../../core/ports/store.ts';
import type { TreeContext } from './context.ts';

/** The source's views by name. */
export interface ViewsByName {
  get(name: string): View | undefined;
  all(): Iterable<View>;
  /** How many are shown and could be deleted, in all or of one group. */
  deletable(group?: string): number;
  /** Names shown, without those that an apply was about to remove. */
  shown(): Iterable<string>;
}

function isShown(view: View): boolean {
  return view.shown !== null && view.notHere === null;
}

/** An apply was about to remove it: its absence is our own doing. */
export function isBeingRemoved(view: View): boolean {
  return view.intended !== null && view.intended.content === null;
}

/** A restore was about to write it again, as it was shown. */
export function isBeingRestored(view: View): boolean {
  const intended = view.intended?.content ?? null;
  return view.shown !== null && intended !== null && intended.digest === view.shown.digest; // in this order: most digests are never read
}

/**
 * All views, O(views), or at least those at and under some names. Views of names that are classified otherwise by now are
 * left alone: their absence says nothing.
 */
export async function loadViews(context: TreeContext, under: readonly string[] | null = null): Promise<ViewsByName> {
  const byName = new Map<string, View>();
  for (const view of (await context.workspace.views(under ?? undefined)).values()) {
    if (context.rules.classify(view.item.name)?.kind === view.item.kind) byName.set(view.item.name, view);
  }
  return {
    get: (name) => byName.get(name),
    all: () => byName.values(),
    deletable: (group) =>
      [...byName.values()].filter(
        (view) =>
          isShown(view) &&
          context.rules.deletable(view.item.kind) &&
          (group === undefined || context.rules.groupOf?.(view.item.name) === group),
      ).length,
    shown: () => [...byName.values()].filter((view) => isShown(view) && !isBeingRemoved(view)).map((view) => view.item.name),
  };
}
