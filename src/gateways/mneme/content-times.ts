import type { ContentDigest } from '../../core/ids.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';

/** When items became what they are, as far as this process noticed. A time belongs to a content, and moves only with that. */
export interface ContentTimes {
  /** An item may be another now. O(1). */
  noticed(item: Item): void;
  /** An item as `look` finds it, and since when it is that: milliseconds. One look at a time at each. */
  of<T extends Looked>(item: Item, look: () => Promise<T>): Promise<{ readonly found: T; readonly since: number }>;
}

/** `null`: there is none. */
export type Looked = { readonly digest: ContentDigest } | null;

interface Since {
  readonly digest: ContentDigest | null;
  readonly since: number;
}

export function createContentTimes(clock: Clock): ContentTimes {
  const settled = new Map<string, Since>();
  /** Those that may be another since they were looked at, and when that was noticed first. */
  const noticed = new Map<string, number>();
  const turns = new Map<string, Promise<unknown>>();

  async function settle<T extends Looked>(key: string, look: () => Promise<T>): Promise<{ found: T; since: number }> {
    // What is noticed during the look may be in it or not: whoever looks next will see that it is the same, or another.
    const first = noticed.get(key) ?? clock.now();
    noticed.delete(key);
    const found = await look();
    const digest = found?.digest ?? null;
    const before = settled.get(key);
    if (before?.digest === digest) return { found, since: before.since };
    // Never twice the same for two contents, whatever the clock does.
    const since = Math.max(first, (before?.since ?? 0) + 1);
    if (before !== undefined || digest !== null) settled.set(key, { digest, since }); // what never was must not fill the memory
    return { found, since };
  }

  return {
    noticed(item) {
      const key = itemKey(item);
      if (!noticed.has(key)) noticed.set(key, clock.now());
    },

    async of(item, look) {
      const key = itemKey(item);
      const run = () => settle(key, look);
      // Of two looks at the same time the first to begin might be the last to end, with what was before.
      const turn = (turns.get(key) ?? Promise.resolve()).then(run, run);
      turns.set(key, turn);
      try {
        return await turn;
      } finally {
        if (turns.get(key) === turn) turns.delete(key);
      }
    },
  };
}
