import type { SpaceId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import { isOutOfScope } from '../../sources/sqlite-rows/row-scope.ts';
import type { RowSource } from '../row-sources.ts';

const CHOICES = 'claude-mem-choices';

/** Where projects were chosen otherwise since: what was left to another place is looked at again. O(views), once a change. */
export async function reopenScoped(store: Store, space: SpaceId, { definition, workspace }: RowSource): Promise<void> {
  const choices = JSON.stringify(definition.choices);
  const before = (await store.read((tx) => tx.documents.get<string>(CHOICES, space))) ?? '[]';
  if (choices === before) return;
  const left = [...(await workspace.views()).values()].filter(({ notHere }) => isOutOfScope(notHere));
  if (left.length > 0) await workspace.applied(left.map(({ item }) => ({ item, content: null, local: null })));
  await store.write((tx) => tx.documents.put(CHOICES, space, choices));
}
