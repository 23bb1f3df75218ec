import { itemKey, type Item } from '../core/item.ts';
import type { Workspace } from '../core/replica/workspace.ts';

/** A workspace in which every item's name lacks the prefix that it has in the space. */
export function createPrefixedWorkspace(inner: Workspace, prefix: string): Workspace {
  const into = (item: Item): Item => ({ kind: item.kind, name: prefix + item.name });
  const from = (item: Item): Item => ({ kind: item.kind, name: item.name.slice(prefix.length) });
  const mapped = <T extends { readonly item: Item }>(entries: readonly T[], by: (item: Item) => Item): T[] =>
    entries.map((e) => ({ ...e, item: by(e.item) }));
  return {
    writer: inner.writer,
    async views(under) {
      const views = [...(await inner.views(under?.map((name) => prefix + name))).values()].map((view) => ({
        ...view,
        item: from(view.item),
      }));
      return new Map(views.map((view) => [itemKey(view.item), view]));
    },
    async capture(found, note) {
      const report = await inner.capture(mapped(found, into), note);
      return { ...report, conflicts: report.conflicts.map(from), refused: mapped(report.refused, from) };
    },
    outstanding: async () => mapped(await inner.outstanding(), from),
    intend: (items) => inner.intend(mapped(items, into)),
    applied: (results) => inner.applied(mapped(results, into)),
    notHere: (items) => inner.notHere(mapped(items, into)),
    read: (item, content, offset) => inner.read(into(item), content, offset),
    prefetch: (contents) => inner.prefetch(contents),
    expect: (body) => inner.expect?.(body) ?? Promise.resolve(),
  };
}
