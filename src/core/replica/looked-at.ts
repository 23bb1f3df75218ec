import { itemKey, type Item } from '../item.ts';
import type { Store, StorePart, View } from '../ports/store.ts';
import { createOwnWrites } from './own-writes.ts';
import type { Outstanding } from './workspace.ts';

/** What a look at one item found. */
export interface Look {
  readonly outstanding: Outstanding;
  /** Left out: it never had one. */
  readonly view?: View;
}

/**
 * Items that were found outstanding, and of which nothing changed since: they need not be looked at again. Whoever writes a view, or
 * hears that an item changed, takes it out; where somebody else wrote views of the writer, all are forgotten. Runs inside the replica's queue.
 */
export interface LookedAt {
  get(key: string): Look | undefined;
  /** All of these; `null` where one was not looked at. */
  all(items: readonly Item[]): Map<string, View> | null;
  keep(look: Look): void;
  drop(item: Item): void;
  /** Its view is this one now. */
  wrote(view: View): void;
  clear(): void;
  /** Runs a transaction of the writer's own, which writes views; takes out nothing. */
  writing<T>(transaction: () => Promise<T>): Promise<T>;
}

/** Some 500 bytes each. */
const MOST = 20_000;

export function createLookedAt(store: Pick<Store, 'writes'>, part: StorePart): LookedAt {
  const looks = new Map<string, Look>();
  const own = createOwnWrites(store, part, () => looks.clear());
  return {
    get(key) {
      own.check();
      return looks.get(key);
    },
    all(items) {
      own.check();
      const found = new Map<string, View>();
      for (const item of items) {
        const key = itemKey(item);
        const look = looks.get(key);
        if (look === undefined) return null;
        if (look.view !== undefined) found.set(key, look.view);
      }
      return found;
    },
    keep(look) {
      if (own.check() && looks.size < MOST) looks.set(itemKey(look.outstanding.item), look);
    },
    drop: (item) => void looks.delete(itemKey(item)),
    wrote(view) {
      const key = itemKey(view.item);
      const outstanding = looks.get(key)?.outstanding;
      if (outstanding === undefined) return;
      const { shown, local, notHere } = view;
      if (notHere !== null || shown?.digest === outstanding.content?.digest) looks.delete(key);
      else looks.set(key, { outstanding: { ...outstanding, shown, local }, view });
    },
    clear: () => looks.clear(),
    async writing(transaction) {
      try {
        return (await own.writing(transaction)).result;
      } catch (error) {
        looks.clear();
        throw error;
      }
    },
  };
}
