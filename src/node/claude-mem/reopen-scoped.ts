import { itemKey } from '../../core/item.ts';
import type { Store, View } from '../../core/ports/store.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { BodyUnavailable, type Applied } from '../../core/replica/workspace.ts';
import { isOutOfScope } from '../../sources/sqlite-rows/row-scope.ts';
import type { RowSource } from '../row-sources.ts';

const CHOICES = 'claude-mem-choices';

/**
 * Where projects were chosen otherwise since: what was left to another place is looked at again, against what was shown of it before. O(views), once
 * a change, and a body of each of these that the space has otherwise by now.
 */
export async function reopenScoped(store: Store, replica: Replica, { definition, workspace }: RowSource): Promise<void> {
  const { space } = replica;
  const choices = JSON.stringify(definition.choices);
  const before = (await store.read((tx) => tx.documents.get<string>(CHOICES, space))) ?? '[]';
  if (choices === before) return;
  const left = [...(await workspace.views()).values()].filter(({ notHere }) => isOutOfScope(notHere));
  if (left.length > 0) await workspace.applied(await reopened(replica, left));
  await store.write((tx) => tx.documents.put(CHOICES, space, choices));
}

/** What was erased everywhere counts as never shown: that the space does not have it any more takes it from nobody who kept it. */
async function reopened(replica: Replica, left: readonly View[]): Promise<Applied[]> {
  const states = await replica.exclusive(() => replica.visible(left.map(({ item }) => item)));
  const isErased = async ({ item, shown }: View): Promise<boolean> => {
    if (shown === null || states.get(itemKey(item))?.content?.digest === shown.digest) return false;
    try {
      await replica.bodies.read(shown);
      return false;
    } catch (error) {
      if (!(error instanceof BodyUnavailable)) throw error;
      return error.reason === 'erased' || error.reason === 'pruned';
    }
  };
  const results: Applied[] = [];
  for (const view of left) {
    const isGone = await isErased(view);
    results.push({ item: view.item, content: isGone ? null : view.shown, local: isGone ? null : view.local });
  }
  return results;
}
