import type { Store } from '../../core/ports/store.ts';
import { listErasures } from '../../core/replica/forget-compliance.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { sessionName } from '../../kinds/claude-mem/names.ts';
import type { NameBook } from './name-book.ts';
import { payloadToRow } from './op-rows.ts';
import { sessionSaid, type FeedLook } from './ops-to-items.ts';
import type { RowsOfSpace } from './rows-of-space.ts';
import type { OpBody } from './schema.ts';
import type { SessionBook } from './session-book.ts';
import { doubledBy } from './subject.ts';
import type { SyncFeeds } from './sync-feed.ts';

const OBEYED = 'claude-mem-obeyed';

/**
 * Where something was forgotten since, the feed keeps of each row what it is now, and nothing of rows that are not there. Clients
 * were given the tombstones before, and read no number twice. Cost: a look-up; O(feed) after an erasure.
 */
export async function obeyErasures(deps: {
  readonly store: Store;
  readonly feeds: SyncFeeds;
  readonly replica: Replica;
  readonly rows: RowsOfSpace;
  readonly sessions: SessionBook;
  readonly names: NameBook;
  readonly feed: FeedLook;
  readonly user: string;
}): Promise<void> {
  const { store, feeds, replica, rows, sessions, names, feed, user } = deps;
  if (replica.lastDrop < 0) return;
  const obeyed = (await store.read((tx) => tx.documents.get<number>(OBEYED, user))) ?? -1;
  if (obeyed === replica.lastDrop) return;
  const { lastDrop } = replica;
  const [newest] = await listErasures(replica);
  if (newest !== undefined && newest.position > obeyed) {
    const erased: number[] = [];
    const named = new Map<number, string>();
    const doubles: { readonly number: number; readonly subject: string }[] = [];
    for await (const { number, entity, subject, body, said } of feed.entries()) {
      // What a double was is not what the row is now.
      if (said !== undefined) doubles.push({ number, subject });
      if (subject === '' || doubledBy({ subject }) !== null) continue;
      const says = JSON.parse(body) as OpBody;
      if (feed.index.newest(entity)?.number !== number || says.kind === 'mutation' || says.deleted) erased.push(number);
      else named.set(number, payloadToRow(says.kind, says.payload, sessionName(await sessions.keyOf(sessionSaid(says.payload)))).name);
    }
    const there = await rows.there([...new Set([...named.values()].flatMap((name) => [name, names.of(name)]))]);
    for (const [number, name] of named) if (!there.has(name) && !there.has(names.of(name))) erased.push(number);
    await feeds.erase(user, [...erased.map((number) => ({ number })), ...doubles]);
  }
  await store.write((tx) => tx.documents.put(OBEYED, user, lastDrop));
}
