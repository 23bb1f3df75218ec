import { encodeCanonical } from '../../core/canonical.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import type { SatchelNode } from '../node.ts';
import type { RowSource } from '../row-sources.ts';
import type { TreeSource } from '../tree-sources.ts';
import type { Pending } from './pending-entry.ts';

/** A source in which things may vanish. */
export interface DeletionPlace {
  readonly source: Pick<TreeSource['source'] | RowSource['source'], 'scan' | 'state' | 'answerDeletions'>;
  readonly id: string;
  readonly path: string;
  /** What people are shown as the place. */
  readonly title: string;
  /** In the plural. */
  readonly what: string;
  /** Before its names. */
  readonly prefix: string;
}

export function treePlace({ source, definition: { id, root, shownAs, prefix } }: TreeSource): DeletionPlace {
  return { source, id, path: root, title: shownAs ?? root, what: 'files', prefix };
}

export function rowsPlace({ source, definition: { id, file } }: RowSource): DeletionPlace {
  return { source, id, path: file, title: file, what: 'rows', prefix: '' };
}

/** So many files or rows that vanished here at once that it may be no wish to delete them. `looks`: captures what changed before, where no node runs. */
export async function pendingDeletions(
  node: SatchelNode,
  { source, id, path, title, what, prefix }: DeletionPlace,
  looks: boolean,
): Promise<Pending[]> {
  // A node that runs has looked already.
  if (looks && !node.isLive) await source.scan();
  const state = source.state();
  if (state.type !== 'mass-deletion' && state.type !== 'root-missing') return [];
  const names = state.names.toSorted();
  return [
    {
      entry: {
        id: sha256Hex('satchel/v1/pending-deletion\0', encodeCanonical([id, names])),
        type: 'mass-deletion',
        path,
        title,
        what: `deletes ${names.length} ${what} everywhere that are gone here; a rejection writes them here again`,
        machines: [],
        since: null,
        items: names.map((name) => ({ item: prefix + name, change: 'removed', size: null })),
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
