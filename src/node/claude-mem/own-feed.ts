import type { Store } from '../../core/ports/store.ts';
import type { OpBody } from '../../gateways/claude-mem/schema.ts';
import { feedOf, type SyncFeeds } from '../../gateways/claude-mem/sync-feed.ts';
import { toldIn, type ToldFeed } from './compare-rows.ts';

/** A user's feed of this node, as it is now. O(feed) the first time. */
export async function ownFeed(store: Store, feeds: Pick<SyncFeeds, 'index'>, user: string): Promise<ToldFeed> {
  return {
    index: await feeds.index(user),
    async told(number) {
      const [entry] = await store.read((tx) => tx.feeds.read(feedOf(user), number - 1, { entries: 1, bytes: 1 }));
      return entry === undefined || entry.number !== number ? null : toldIn(JSON.parse(entry.said ?? entry.body) as OpBody);
    },
  };
}
