import type { Content } from '../core/content.ts';
import { itemKey, type Item } from '../core/item.ts';
import { isBackfilling } from '../core/replica/late-join.ts';
import type { Replica } from '../core/replica/replica.ts';

/** Versions looked back over. */
const VERSIONS = 200;

/** What an item held, version by version. */
export interface ItemVersions {
  /** Newest first. `content: null`: it was deleted. */
  readonly versions: readonly { readonly content: Content | null; readonly position: number }[];
  /** Whether the oldest of them is the first that there was. */
  readonly isWhole: boolean;
}

/**
 * The versions of an item in the order in which they took its place. Bodies that a merge collapsed were no version: what
 * another one wrote may lie between them and it. Cost: O(versions), of which there are at most 201.
 */
export async function itemVersions(replica: Replica, item: Item): Promise<ItemVersions> {
  const current = (await replica.visible([item])).get(itemKey(item));
  // Asked first: what came in between is there by then.
  const hasGap = await isBackfilling(replica);
  const history = await replica.deps.store.read((tx) => tx.items.history(replica.space, item, { limit: VERSIONS }));
  const inPlace = history.filter(({ type }) => type !== 'keep' && type !== 'collapsed');
  return { versions: [...(current === undefined ? [] : [current]), ...inPlace], isWhole: history.length < VERSIONS && !hasGap };
}
