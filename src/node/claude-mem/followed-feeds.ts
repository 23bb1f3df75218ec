import { sha256Hex } from '../../core/crypto/hash.ts';
import type { ClaudeMemGateway } from '../../gateways/claude-mem/gateway.ts';
import { feedOf } from '../../gateways/claude-mem/sync-feed.ts';
import type { Followed } from '../shared-store/follow-appends.ts';

/** What notices between hubs on one database call the feed of a user. */
export const feedNotice = (user: string): string => `feed:${sha256Hex(feedOf(user))}`;

/** The feeds of those users of claude-mem's gateway that have a socket here. */
export function followedFeeds(gateway: Pick<ClaudeMemGateway, 'users' | 'catchUp'>): Followed {
  const userOf = (name: string): string | undefined => gateway.users().find((user) => feedNotice(user) === name);
  return {
    watched: () => gateway.users().map(feedNotice),
    async headOf(tx, name) {
      const user = userOf(name);
      const head = user === undefined ? null : await tx.feeds.head(feedOf(user));
      return head === null ? '' : `${head.epoch} ${head.number}`;
    },
    async moved(name) {
      const user = userOf(name);
      if (user !== undefined) await gateway.catchUp(user);
    },
  };
}
