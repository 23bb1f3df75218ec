import type { FeedEntry, FeedHead, FeedTable } from '../../core/ports/feeds.ts';
import type { FeedEntryRow } from '../schema.ts';
import { insertBatches, valuesOf } from './batches.ts';
import type { TableScope } from './scope.ts';

const COLUMNS = 8;
/** Rows that one query fetches while it is not known how large they are. */
const PAGE = 100;

export function createFeedTable(scope: TableScope): FeedTable {
  const { dialect, kept } = scope;
  interface Found extends FeedHead {
    readonly feed: number;
  }

  /** Only this transaction writes meanwhile. */
  const known = new Map<string, Found>();

  async function find(name: string): Promise<Found | null> {
    const cached = known.get(name);
    if (cached !== undefined) return cached;
    const [row] = await kept('feed', [name], () => scope.db.selectFrom('feeds').selectAll().where('name', '=', name));
    if (row === undefined) return null;
    const found = { feed: row.number, epoch: row.epoch, number: row.head };
    known.set(name, found);
    return found;
  }

  return {
    async head(name) {
      const found = await find(name);
      return found === null ? null : { epoch: found.epoch, number: found.number };
    },

    async begin(name, epoch) {
      const found = await find(name);
      if (found !== null) return { epoch: found.epoch, number: found.number };
      await scope.db.insertInto('feeds').values({ name, epoch, head: 0 }).execute();
      return { epoch, number: 0 };
    },

    async append(name, additions) {
      const found = await find(name);
      if (found === null) throw new RangeError(`feed ${name} was not begun`);
      const { feed } = found;
      let number = found.number;
      const rows = additions.map((addition) => ({ ...addition, number: ++number }));
      for (const batch of insertBatches(dialect, COLUMNS, rows)) {
        const entries = batch.map((row) => entryOf(feed, row));
        const bodies = batch.map(({ number, body, said = null }) => ({ feed, number, body, said }));
        await kept(`feed entries ${batch.length}`, valuesOf(entries), () => scope.db.insertInto('feed_entries').values(entries));
        await kept(`feed bodies ${batch.length}`, valuesOf(bodies), () => scope.db.insertInto('feed_bodies').values(bodies));
      }
      if (rows.length === 0) return number;
      await kept('feed head', [number, feed], () => scope.db.updateTable('feeds').set({ head: number }).where('number', '=', feed));
      known.set(name, { ...found, number });
      return number;
    },

    async read(name, after, limit) {
      const found = await find(name);
      const page: FeedEntry[] = [];
      if (found === null) return page;
      let bytes = 0;
      while (page.length < limit.entries) {
        const from = page.at(-1)?.number ?? after;
        const most = Math.min(PAGE, limit.entries - page.length);
        const rows = await kept('feed page', [found.feed, from, most], () =>
          scope.db
            .selectFrom('feed_entries')
            .innerJoin('feed_bodies', (join) =>
              join.onRef('feed_bodies.feed', '=', 'feed_entries.feed').onRef('feed_bodies.number', '=', 'feed_entries.number'),
            )
            .selectAll('feed_entries')
            .select(['feed_bodies.body', 'feed_bodies.said'])
            .where('feed_entries.feed', '=', found.feed)
            .where('feed_entries.number', '>', from)
            .orderBy('feed_entries.number')
            .limit(most),
        );
        for (const { number, entity, revision, digest, subject, origin, time, body, said } of rows) {
          bytes += Buffer.byteLength(body);
          if (page.length > 0 && bytes > limit.bytes) return page;
          page.push({ number, entity, revision, digest, subject, origin, time, body, ...(said === null ? {} : { said }) });
        }
        if (rows.length < PAGE) break;
      }
      return page;
    },

    async marks(name, after, limit) {
      const found = await find(name);
      if (found === null) return [];
      return scope.db
        .selectFrom('feed_entries')
        .select(['number', 'entity', 'revision', 'digest', 'subject', 'origin'])
        .where('feed', '=', found.feed)
        .where('number', '>', after)
        .orderBy('number')
        .limit(limit)
        .execute();
    },

    async erase(name, bodies) {
      const found = await find(name);
      if (found === null) return;
      for (const { number, body, subject = '' } of bodies) {
        await scope.db
          .updateTable('feed_bodies')
          .set({ body, said: null })
          .where('feed', '=', found.feed)
          .where('number', '=', number)
          .execute();
        await scope.db.updateTable('feed_entries').set({ subject }).where('feed', '=', found.feed).where('number', '=', number).execute();
      }
    },

    async list() {
      const rows = await scope.db.selectFrom('feeds').select('name').orderBy('name').execute();
      return rows.map(({ name }) => name);
    },

    async renewEpochs(least) {
      known.clear();
      for (const { number, epoch } of await scope.db.selectFrom('feeds').select(['number', 'epoch']).execute()) {
        const next = BigInt(epoch) >= BigInt(least) ? BigInt(epoch) + 1n : BigInt(least);
        await scope.db.updateTable('feeds').set({ epoch: next.toString() }).where('number', '=', number).execute();
      }
    },

    async remove(name) {
      const found = await find(name);
      if (found === null) return;
      known.delete(name);
      await scope.db.deleteFrom('feed_bodies').where('feed', '=', found.feed).execute();
      await scope.db.deleteFrom('feed_entries').where('feed', '=', found.feed).execute();
      await scope.db.deleteFrom('feeds').where('number', '=', found.feed).execute();
    },
  };
}

/** Its columns in one order, whoever made it. */
function entryOf(feed: number, { number, entity, revision, digest, subject, origin, time }: FeedEntry): FeedEntryRow {
  return { feed, number, entity, revision, digest, subject, origin, time };
}
