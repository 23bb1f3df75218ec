import { encodeCanonical } from '../../core/canonical.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import type { SatchelNode } from '../node.ts';
import type { TreeSource } from '../tree-sources.ts';
import type { Pending } from './pending-entry.ts';

/** So many files that vanished here at once that it may be no wish to delete them. */
export async function pendingDeletions(node: SatchelNode, { source, definition }: TreeSource): Promise<Pending[]> {
  // A node that runs has looked already.
  if (!node.isLive) await source.scan();
  const state = source.state();
  if (state.type !== 'mass-deletion' && state.type !== 'root-missing') return [];
  const names = state.names.toSorted();
  return [
    {
      entry: {
        id: sha256Hex('satchel/v1/pending-deletion\0', encodeCanonical([definition.id, names])),
        type: 'mass-deletion',
        path: definition.root,
        title: definition.shownAs ?? definition.root,
        what: `deletes ${names.length} files everywhere that are gone here; a rejection writes them here again`,
        machines: [],
        since: null,
        items: names.map((name) => ({ item: definition.prefix + name, change: 'removed', size: null })),
        rejected: false,
      },
      change: () => Promise.resolve([]),
      approve: async () => {
        await source.answerDeletions('delete');
      },
      reject: async () => {
        await source.answerDeletions('restore');
      },
    },
  ];
}
