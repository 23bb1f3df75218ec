import type { Item } from '../../core/item.ts';
import { readingOf } from '../../kinds/passages/reading-of.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { OperationFailure } from '../operations/operation.ts';
import { findSpace } from '../find-space.ts';
import { foundId, parseFoundId } from './found-id.ts';

export interface FoundItem {
  readonly open: OpenSpace;
  readonly item: Item;
  readonly number: number | null;
}

/** What `search` printed before a hit; `null` for a text that is no such id, or of nothing here. Needs no index. O(items). */
export async function findFound(node: SatchelNode, space: string | undefined, text: string): Promise<FoundItem | null> {
  const id = parseFoundId(text);
  if (id === null) return null;
  const found: FoundItem[] = [];
  for (const open of space === undefined ? node.spaces.values() : [findSpace(node, space)]) {
    if ((await open.replica.head()) === null) continue;
    for (const { item } of await open.replica.list())
      if (id.isOf(item) && readingOf(item) !== null) found.push({ open, item, number: id.number });
  }
  if (found.length > 1) {
    const names = found.slice(0, 3).map(({ item, open }) => `${foundId(item, null)} (${item.name} in ${open.entry.name})`);
    throw new OperationFailure(
      'usage',
      'ambiguous-id',
      `${found.length} items have an id that begins so: ${names.join(', ')}`,
      'Use more of it',
    );
  }
  return found[0] ?? null;
}
