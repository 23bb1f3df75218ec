import type { Content } from '../core/content.ts';
import type { MachineId } from '../core/ids.ts';
import { itemKey, type Item } from '../core/item.ts';
import type { Replica } from '../core/replica/replica.ts';

/** Versions looked back over; who wrote what is older counts as not known. */
const VERSIONS = 200;

/**
 * Everyone who wrote a version of an item that is newer than `shown` (`null`: any version), as the records say; `null` among
 * them for a record that is not here. Cost: a look-up, and O(versions since).
 */
export async function writersSince(
  replica: Replica,
  writerOf: (position: number) => Promise<MachineId | null>,
  item: Item,
  shown: Content | null,
): Promise<readonly (MachineId | null)[]> {
  const current = (await replica.visible([item])).get(itemKey(item));
  const history = await replica.deps.store.read((tx) => tx.items.history(replica.space, item, { limit: VERSIONS }));
  const writers = new Set<MachineId | null>();
  // Bodies that a merge collapsed were no version: what another one wrote may lie between them and it.
  const inPlace = history.filter(({ type }) => type !== 'keep' && type !== 'collapsed');
  const versions = [...(current === undefined ? [] : [current]), ...inPlace];
  for (const { content, position } of versions) {
    if (shown !== null && content?.digest === shown.digest) return [...writers];
    writers.add(await writerOf(position));
  }
  if (history.length === VERSIONS) writers.add(null);
  return [...writers];
}
