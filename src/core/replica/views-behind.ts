import type { Content } from '../content.ts';
import { itemKey, type Item } from '../item.ts';
import type { View } from '../ports/store.ts';
import { contentsHere } from './fallen-bodies.ts';
import type { Reland } from './reland.ts';
import type { Replica } from './replica.ts';

/**
 * What becomes of views where a log falls: one of a version that fell, and of which the body is in no store within reach, shows what that
 * version was made from, without its writer's note. So whatever stands in its place is read, and is an edit of that, though it be the very
 * body that was lost: it may be the only copy left, and nothing takes its place before it is captured. `relands`: all of what fell, with
 * own copies. Views that stay as they are come back as the same object. Cost: O(changes).
 */
export async function viewsBehind(replica: Replica, relands: readonly Reland[]): Promise<(view: View) => View> {
  const versions = relands.flatMap(({ commit, bases }) =>
    commit.changes.flatMap((change, index) =>
      change.type === 'put' ? [{ item: change.item, content: change.content, base: bases[index] ?? null }] : [],
    ),
  );
  const isHere = await contentsHere(
    replica.deps.objects,
    replica.space,
    versions.map(({ content }) => content),
    (id) => replica.formsOf(id),
  );
  const bases = new Map<string, Content | null>();
  for (const { item, content, base } of versions) if (!isHere(content)) bases.set(versionKey(item, content), base);
  if (bases.size === 0) return (view) => view;

  const heldBefore = (item: Item, content: Content | null): Content | null => {
    const passed = new Set<string>();
    for (let at = content; ;) {
      const key = at === null ? null : versionKey(item, at);
      if (key === null || passed.has(key) || !bases.has(key)) return at;
      passed.add(key);
      at = bases.get(key) ?? null;
    }
  };
  return (view) => {
    const { item, intended } = view;
    const shown = heldBefore(item, view.shown);
    const isUnderWay = intended?.content == null || !bases.has(versionKey(item, intended.content));
    if (shown === view.shown && isUnderWay) return view;
    return { ...view, shown, intended: isUnderWay ? intended : null, local: null };
  };
}

function versionKey(item: Item, { digest }: Content): string {
  return `${itemKey(item)}\0${digest}`;
}
