import { sql } from 'kysely';
import type { FeedEntry, FeedHead, FeedTable } from '../../core/ports/feeds.ts';
import type { FeedEntryRow } from '../schema.ts';
import { insertBatches, listBatches } from './batches.ts';
import type { TableScope } from './scope.ts';

const COLUMNS = 9;
/** Rows that one query fetches while it is not known how large they are. */
const PAGE = 100;
const REVISION_DIGITS = 20;

export function createFeedTable({ db, dialect }: TableScope): FeedTable {
  interface Found extends FeedHead {
    readonly feed: number;
  }

  async function find(name: string): Promise<Found | null> {
    const row = await db.selectFrom('feeds').selectAll().where('name', '=', name).executeTakeFirst();
    return row === undefined ? null : { feed: row.number, epoch: row.epoch, number: row.head };
  }

  return {
    async head(name) {
      const found = await find(name);
      return found === null ? null : { epoch: found.epoch, number: found.number };
    },

    async begin(name, epoch) {
      const found = await find(name);
      if (found !== null) return { epoch: found.epoch, number: found.number };
      await db.insertInto('feeds').values({ name, epoch, head: 0 }).execute();
      return { epoch, number: 0 };
    },

    async append(name, additions) {
      const found = await find(name);
      if (found === null) throw new RangeError(`feed ${name} was not begun`);
      let number = found.number;
      const rows = additions.map((addition): FeedEntryRow => ({
        ...addition,
        revision: padded(addition.revision),
        feed: found.feed,
        number: ++number,
      }));
      for (const batch of insertBatches(dialect, COLUMNS, rows)) await db.insertInto('feed_entries').values(batch).execute();
      if (rows.length > 0) await db.updateTable('feeds').set({ head: number }).where('number', '=', found.feed).execute();
      return number;
    },

    async read(name, after, limit) {
      const found = await find(name);
      const page: FeedEntry[] = [];
      if (found === null) return page;
      let bytes = 0;
      while (page.length < limit.entries) {
        const rows = await db
          .selectFrom('feed_entries')
          .selectAll()
          .where('feed', '=', found.feed)
          .where('number', '>', page.at(-1)?.number ?? after)
          .orderBy('number')
          .limit(Math.min(PAGE, limit.entries - page.length))
          .execute();
        for (const row of rows) {
          bytes += Buffer.byteLength(row.body);
          if (page.length > 0 && bytes > limit.bytes) return page;
          page.push(rowToEntry(row));
        }
        if (rows.length < PAGE) break;
      }
      return page;
    },

    async marks(name, entities) {
      const found = await find(name);
      if (found === null) return [];
      const marks = [];
      for (const batch of listBatches(dialect, entities)) {
        const rows = await db
          .selectFrom('feed_entries')
          .select(['number', 'entity', 'revision', 'digest', 'subject', 'origin'])
          .where('feed', '=', found.feed)
          .where('entity', 'in', batch)
          .execute();
        marks.push(...rows.map((row) => ({ ...row, revision: plain(row.revision) })));
      }
      return marks.sort((a, b) => a.number - b.number);
    },

    async withSubject(name, subjects) {
      const found = await find(name);
      const entities = new Set<string>();
      if (found === null) return [];
      for (const batch of listBatches(dialect, subjects)) {
        const rows = await db
          .selectFrom('feed_entries')
          .select('entity')
          .where('feed', '=', found.feed)
          .where(sql<boolean>`subject <> ''`) // as the index says it: a parameter would not use it
          .where('subject', 'in', batch)
          .execute();
        for (const { entity } of rows) entities.add(entity);
      }
      return [...entities];
    },

    async list() {
      const rows = await db.selectFrom('feeds').select('name').orderBy('name').execute();
      return rows.map(({ name }) => name);
    },

    async renewEpochs(least) {
      for (const { number, epoch } of await db.selectFrom('feeds').select(['number', 'epoch']).execute()) {
        const next = BigInt(epoch) >= BigInt(least) ? BigInt(epoch) + 1n : BigInt(least);
        await db.updateTable('feeds').set({ epoch: next.toString() }).where('number', '=', number).execute();
      }
    },

    async remove(name) {
      const found = await find(name);
      if (found === null) return;
      await db.deleteFrom('feed_entries').where('feed', '=', found.feed).execute();
      await db.deleteFrom('feeds').where('number', '=', found.feed).execute();
    },
  };
}

function padded(revision: string): string {
  return revision.padStart(REVISION_DIGITS, '0');
}

function plain(revision: string): string {
  return revision.replace(/^0+(?=\d)/, '');
}

function rowToEntry({ number, entity, revision, digest, subject, origin, time, body }: FeedEntryRow): FeedEntry {
  return { number, entity, revision: plain(revision), digest, subject, origin, time, body };
}
