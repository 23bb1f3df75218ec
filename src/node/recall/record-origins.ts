import type { MachineId } from '../../core/ids.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { ItemState } from '../../core/ports/store.ts';
import { DRAFT_POSITION } from '../../core/replica/overlay.ts';
import { readingOf } from '../../kinds/passages/reading-of.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { recordTime } from '../record-times.ts';
import { createRecordWriters } from '../record-writers.ts';

/** Where an item came from, as its records say. */
export interface Origin {
  /**
   * Who wrote it first; of a file, who wrote what it holds now. `null` where that record is not here (yet), or nobody can tell.
   */
  readonly machine: MachineId | null;
  /** When it was changed last, milliseconds since 1970; `null` for a draft, and where the record is not here. */
  readonly changed: number | null;
}

/** Another one where origins mean something else than before. */
export const ORIGINS = 2;

/** Items came with few records: each is looked up once. */
export function createOrigins(node: SatchelNode, open: OpenSpace): (states: readonly ItemState[]) => Promise<Map<string, Origin>> {
  const { replica } = open;
  const writers = createRecordWriters(replica);
  const times = new Map<number, Promise<string | null>>();
  const timeAt = (position: number): Promise<string | null> => {
    const known = times.get(position) ?? (position === DRAFT_POSITION ? Promise.resolve(null) : recordTime(node, open, position));
    times.set(position, known);
    return known;
  };
  return async (states) => {
    const items: Item[] = states.map(({ item }) => item);
    const first = await node.store.read((tx) => tx.items.firstPositions(replica.space, items));
    const origins = new Map<string, Origin>();
    for (const { item, position } of states) {
      // A memory, or a session, is known by when it was made; a file by when it was changed last.
      const written = readingOf(item)?.writer === 'last' ? position : (first.get(itemKey(item)) ?? DRAFT_POSITION);
      const time = await timeAt(position);
      const key = itemKey(item);
      origins.set(key, {
        machine: await writers.at(written),
        changed: time === null ? null : Date.parse(time),
      });
    }
    return origins;
  };
}
