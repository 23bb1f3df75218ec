import { encodeCanonical } from '../../core/canonical.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { keepDatabase } from '../../sources/claude-mem-health/keep-copy.ts';
import { makeBackups } from '../claude-mem/make-backups.ts';
import { counted } from '../counted.ts';
import type { SatchelNode } from '../node.ts';
import type { RowSource } from '../row-sources.ts';
import type { Pending, PendingItem } from './pending-entry.ts';

/** A database of rows that is another one by now, or an older state of itself: what it says otherwise. Whoever asks has captured before. */
export function pendingOlderState(node: SatchelNode, { source, definition: { id, file } }: RowSource): Pending[] {
  const state = source.state();
  if (state.type !== 'older-state') return [];
  const [older, gone, returned] = [state.older.toSorted(), state.gone.toSorted(), state.returned.toSorted()];
  const items = (names: readonly string[], change: PendingItem['change']): PendingItem[] =>
    names.map((item) => ({ item, change, size: null }));
  const says = [
    older.length === 0 ? [] : `changes ${counted(older.length, 'row')} everywhere to what it says`,
    gone.length === 0 ? [] : `deletes ${counted(gone.length, 'row')} that it lacks`,
    returned.length === 0
      ? []
      : `brings back ${counted(returned.length, 'row')} that ${returned.length === 1 ? 'was' : 'were'} deleted since`,
  ];
  return [
    {
      entry: {
        id: sha256Hex('satchel/v1/pending-older-state\0', encodeCanonical([id, older, gone, returned])),
        type: 'older-state',
        path: file,
        title: file,
        what: `is another database, or an older state of itself; an approval ${says.flat().join(', ')}; a rejection copies it, and has it as the space has these rows`,
        machines: [],
        since: null,
        items: [...items(older, 'changed'), ...items(gone, 'removed'), ...items(returned, 'new')],
        rejected: false,
      },
      change: () => Promise.resolve([]),
      approve: async () => {
        await source.answerDeletions('delete');
      },
      reject: async (onCopy) => {
        const folder = await makeBackups(node, 'older-state');
        await keepDatabase(file, folder, 'claude-mem');
        onCopy(folder);
        await source.answerDeletions('restore');
      },
    },
  ];
}
