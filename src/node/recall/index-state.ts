import type { Item } from '../../core/item.ts';
import { itemKey } from '../../core/item.ts';
import type { ItemState } from '../../core/ports/store.ts';
import type { TextIndex } from '../../core/ports/text-index.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { ORIGINS } from './record-origins.ts';

/** Up to where an index holds a space. */
export interface IndexState {
  /** The last record whose changes it holds, and its hash: −1 and `''` at the beginning. */
  readonly position: number;
  readonly hash: string;
  /** The newest prune or erase record then. */
  readonly drop: number;
  /** Whether the history was here then, which says who wrote what. */
  readonly isWhole: boolean;
  /** What it says of where items came from ({@link ORIGINS}); absent: what it said at first. */
  readonly origins?: number;
}

export const NOTHING_HELD: IndexState = { position: -1, hash: '', drop: -1, isWhole: true, origins: ORIGINS };
const PAGE = 1_000;

/** `null` where the index holds nothing of the space, or nobody knows how far. */
export async function readState(index: TextIndex, { space }: Replica): Promise<IndexState | null> {
  const mark = await index.mark(space);
  return mark === null ? null : (JSON.parse(mark) as IndexState);
}

/** What an index that is up to date now would say. */
export async function currentState(replica: Replica): Promise<IndexState> {
  const { position, lastDrop: drop } = replica;
  const isWhole = (await replica.notes.backfill()) === null;
  return { position, hash: (await hashAt(replica, position)) ?? '', drop, isWhole, origins: ORIGINS };
}

/**
 * What may differ from what the index holds: items as they are now, deleted ones included; `null`: everything may. Cost: a
 * look-up, and O(changes since).
 */
export async function changedSince(index: TextIndex, replica: Replica, state: IndexState | null): Promise<ItemState[] | null> {
  if (state === null || state.position < 0 || !state.isWhole || state.origins !== ORIGINS) return null;
  if (replica.position < state.position || (await hashAt(replica, state.position)) !== state.hash) return null; // the log fell back
  const items = new Map<string, Item>();
  for (const { item } of await index.unsettled(replica.space)) items.set(itemKey(item), item);
  for (const draft of replica.drafts) for (const { item } of draft.changes) items.set(itemKey(item), item);
  for (let before: number | undefined; ;) {
    const query = { limit: PAGE, ...(before === undefined ? {} : { before }) };
    const entries = await replica.deps.store.read((tx) => tx.items.historyByPosition(replica.space, query));
    for (const { item, position } of entries) if (position > state.position) items.set(itemKey(item), item);
    before = entries.at(-1)?.position;
    if (before === undefined || before <= state.position) break;
  }
  const visible = await replica.visible([...items.values()]);
  // An item that a draft made and that is gone never was in the log.
  return [...items.values()].flatMap((item) => visible.get(itemKey(item)) ?? gone(item));
}

function gone(item: Item): ItemState {
  return { item, revision: '' as ItemState['revision'], position: -1, content: null };
}

async function hashAt(replica: Replica, position: number): Promise<string | null> {
  if (position < 0) return null;
  const [record] = await replica.deps.store.read((tx) => tx.logs.read(replica.space, position, { records: 1, bytes: 1 }));
  return record?.position === position ? record.hash : null;
}
