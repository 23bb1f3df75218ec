import type { ObjectId } from '../ids.ts';
import { objectsOf } from './live-objects.ts';
import type { Replica } from './replica.ts';

const NAMED = 3;

/** Names of the items whose bodies, now or before, lie in one of these objects; sorted. O(history). */
export async function itemsWith(replica: Replica, ids: ReadonlySet<ObjectId>): Promise<string[]> {
  const names = new Set<string>();
  let before: number | undefined;
  for (;;) {
    const query = { ...(before === undefined ? {} : { before }), limit: 2_000 };
    const page = await replica.deps.store.read((tx) => tx.items.historyByPosition(replica.space, query));
    for (const { item, content } of page)
      if (content !== null && [...objectsOf([content], replica)].some((id) => ids.has(id))) names.add(item.name);
    const last = page.at(-1);
    if (last === undefined) return [...names].toSorted();
    before = last.position;
  }
}

/** `, of a.md, b.md, c.md and 4 more`; nothing where no item is known. */
export function ofItems(items: readonly string[]): string {
  if (items.length === 0) return '';
  return `, of ${items.slice(0, NAMED).join(', ')}${items.length > NAMED ? ` and ${items.length - NAMED} more` : ''}`;
}
