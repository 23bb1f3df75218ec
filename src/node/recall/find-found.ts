import { foundId, parseFoundId, type FoundId } from '../../core/found-id.ts';
import type { Item } from '../../core/item.ts';
import type { SpaceId } from '../../core/ids.ts';
import { readingOf } from '../../kinds/passages/reading-of.ts';
import { findSpace } from '../find-space.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { OperationFailure } from '../operations/operation.ts';

export interface FoundItem {
  readonly open: OpenSpace;
  readonly item: Item;
  readonly number: number | null;
}

/**
 * What `search` printed before a hit; `null` for a text that is no such id, or of nothing here. Cost: a look-up where the index knows
 * it; without one O(items).
 */
export async function findFound(node: SatchelNode, space: string | undefined, text: string): Promise<FoundItem | null> {
  const id = parseFoundId(text);
  if (id === null) return null;
  const spaces = space === undefined ? [...node.spaces.values()] : [findSpace(node, space)];
  let found = await inIndex(node, spaces, id);
  for (const open of found.length > 0 ? [] : spaces) found = [...found, ...(await inSpace(open, id))];
  if (found.length > 1) {
    const names = found.slice(0, 3).map(({ item, open }) => `${foundId(item, null)} (${item.name} in ${open.entry.name})`);
    const message = `${found.length} items have an id that begins so: ${names.join(', ')}`;
    throw new OperationFailure('usage', 'ambiguous-id', message, 'Use more of it');
  }
  return found[0] ?? null;
}

/** Longer ones are compared as they are. */
const KEPT_DIGITS = 16;

/** None where there is no index: it is made by a search only. */
async function inIndex(node: SatchelNode, spaces: readonly OpenSpace[], id: FoundId): Promise<FoundItem[]> {
  if ((await node.recall.size()) === 0) return [];
  const look = async (of: SpaceId): Promise<Item[]> =>
    node.recall.use(
      (index) => index.called(of, id.digits.slice(0, KEPT_DIGITS)),
      () => undefined,
    );
  const found: FoundItem[] = [];
  for (const open of spaces)
    for (const item of await look(open.entry.space)) if (id.isOf(item)) found.push({ open, item, number: id.number });
  return found;
}

async function inSpace(open: OpenSpace, id: FoundId): Promise<FoundItem[]> {
  if ((await open.replica.head()) === null) return [];
  const items = (await open.replica.list()).map(({ item }) => item);
  return items.filter((item) => id.isOf(item) && readingOf(item) !== null).map((item) => ({ open, item, number: id.number }));
}
