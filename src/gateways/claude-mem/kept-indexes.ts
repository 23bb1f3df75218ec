import type { FeedHead } from '../../core/ports/feeds.ts';
import type { StoreTransaction } from '../../core/ports/store.ts';
import { createFeedIndex, type FeedIndex } from './feed-index.ts';

/** Indexes of feeds, kept in memory and read on where somebody else appended. Those used longest ago go. */
export interface KeptIndexes {
  has(feed: string): boolean;
  /** Reads one page on. `isWhole`: it knows all that the feed holds. */
  readOn(tx: StoreTransaction, feed: string): Promise<{ readonly index: FeedIndex; readonly isWhole: boolean }>;
  /** As far as this head, which is the feed's. Reads nothing where nobody else appended. */
  upTo(tx: StoreTransaction, feed: string, head: FeedHead): Promise<FeedIndex>;
  forget(feed: string): void;
}

const MARKS_AT_ONCE = 5_000;
/** Feeds whose index is kept. */
const INDEXES = 64;

interface Kept {
  readonly epoch: string;
  readonly index: FeedIndex;
}

export function createKeptIndexes(): KeptIndexes {
  const kept = new Map<string, Kept>();

  /** The one of this feed, or a new one where its numbers began anew. */
  function of(feed: string, { epoch, number }: FeedHead): FeedIndex {
    const known = kept.get(feed);
    const isSame = known?.epoch === epoch && known.index.last <= number;
    const index = isSame ? known.index : createFeedIndex();
    kept.delete(feed);
    kept.set(feed, { epoch, index });
    if (kept.size > INDEXES) kept.delete(kept.keys().next().value as string);
    return index;
  }

  async function readPage(tx: StoreTransaction, feed: string, index: FeedIndex): Promise<void> {
    const marks = await tx.feeds.marks(feed, index.last, MARKS_AT_ONCE);
    // Others may have read the same page meanwhile.
    for (const mark of marks) if (mark.number > index.last) index.add(mark);
  }

  return {
    has: (feed) => kept.has(feed),

    async readOn(tx, feed) {
      const head = await tx.feeds.head(feed);
      if (head === null) return { index: createFeedIndex(), isWhole: true };
      const index = of(feed, head);
      if (index.last < head.number) await readPage(tx, feed, index);
      return { index, isWhole: index.last >= head.number };
    },

    async upTo(tx, feed, head) {
      const index = of(feed, head);
      while (index.last < head.number) await readPage(tx, feed, index);
      return index;
    },

    forget: (feed) => void kept.delete(feed),
  };
}
