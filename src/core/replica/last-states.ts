import { itemKey, type Item } from '../item.ts';
import type { ItemState, Store } from '../ports/store.ts';
import { createOwnWrites } from './own-writes.ts';

/**
 * What the last records made of a few items of one space, so that a body which grows line by line is not read again with each of them: of a
 * large one that is some 40 bytes a piece. Runs where nothing else replays the space. Where somebody else wrote states all are
 * forgotten; where a store cannot count its writes nothing is kept.
 */
export interface LastStates {
  /** All of these; `null` where one is not known. */
  all(items: readonly Item[]): Map<string, ItemState> | null;
  /** Runs one transaction, of which `made` tells the states that it wrote, all of them. */
  writing<T>(transaction: () => Promise<T>, made: (result: T) => Iterable<ItemState>): Promise<T>;
}

/** A content may have some hundred pieces. */
const MOST = 16;

export function createLastStates(store: Pick<Store, 'writes'>): LastStates {
  const states = new Map<string, ItemState>();
  const own = createOwnWrites(store, 'items', () => states.clear());
  return {
    all(items) {
      own.check();
      const found = new Map<string, ItemState>();
      for (const item of items) {
        const state = states.get(itemKey(item));
        if (state === undefined) return null;
        found.set(itemKey(item), state);
      }
      return found;
    },
    async writing(transaction, made) {
      const { result, isAlone } = await own.writing(transaction);
      if (!isAlone) return result;
      for (const state of made(result)) {
        const key = itemKey(state.item);
        states.delete(key);
        states.set(key, state);
        const oldest = states.keys().next();
        if (states.size > MOST && !oldest.done) states.delete(oldest.value);
      }
      return result;
    },
  };
}
