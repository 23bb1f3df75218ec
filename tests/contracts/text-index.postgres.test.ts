import * as fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpaceId } from '../../src/core/ids.ts';
import { IndexDamaged, IndexMoved, type IndexChange, type TextIndex } from '../../src/core/ports/text-index.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { openPostgres, type PostgresDatabase } from '../../src/store/postgres/postgres-database.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { startTransactionPooler } from '../services/transaction-pooler.ts';
import { describeTextIndex, held, passage, put } from './text-index.ts';
import { sameAnswers } from './text-index-same.ts';

/** Of a property, each of which asks a server some fifty times. */
const RUNS = 15;
const SPACE = 'a'.repeat(64) as SpaceId;

let server: PostgresServer;
let database: TestDatabase;
let opened: PostgresDatabase;
beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
  opened = await open();
});
afterAll(async () => {
  await close(opened);
  await server.dispose();
});

async function open(port = database.port): Promise<PostgresDatabase> {
  return openPostgres({ ...database, port, schema: 'test', tls: 'off' }, { clock: createSystemClock(), random: createSystemRandom() });
}

async function close({ store, objects }: PostgresDatabase): Promise<void> {
  await store.close();
  await objects.close();
}

const query = (sql: string): Promise<Record<string, unknown>[]> => server.query(database.database, sql);

describeTextIndex('PostgreSQL', async () => ({ open: () => opened.index.open(), remove: () => opened.index.remove() }), RUNS);

describe('an index in PostgreSQL', () => {
  async function withIndexes<T>(places: readonly PostgresDatabase[], work: (...indexes: TextIndex[]) => Promise<T>): Promise<T> {
    const indexes: TextIndex[] = [];
    try {
      for (const place of places) indexes.push(await place.index.open());
      return await work(...indexes);
    } finally {
      for (const index of indexes) await index.close();
      await opened.index.remove();
    }
  }
  const found = async (index: TextIndex, text: string): Promise<string[]> =>
    (await index.search([{ text, isPhrase: false }], { match: 'all', filter: {}, limit: 100 })).hits.map(({ item }) => item.name);

  /** As who brings it up to date does. */
  async function writeInTurn(index: TextIndex, changes: readonly IndexChange[]): Promise<void> {
    for (;;) {
      try {
        await index.mark(SPACE);
        return await index.write(SPACE, changes);
      } catch (error) {
        if (!(error instanceof IndexMoved)) throw error;
      }
    }
  }

  it('answers what SQLite’s answers, in the same order, to any question after any changes', async () => {
    const open = async (): Promise<TextIndex> => {
      await opened.index.remove();
      return opened.index.open();
    };
    await fc.assert(sameAnswers(open), { numRuns: RUNS });
  });

  it('takes nothing of a process that does not know what another one wrote', async () => {
    const other = await open();
    try {
      await withIndexes([opened, other], async (one, two) => {
        expect([await one?.mark(SPACE), await two?.mark(SPACE)]).toEqual([null, null]);
        await one?.write(SPACE, [put('a', [passage('first')])], 'one');
        await expect(two?.write(SPACE, [put('a', [passage('second')])], 'two')).rejects.toThrow(IndexMoved);
        expect([await two?.mark(SPACE), await found(one as TextIndex, 'second')]).toEqual(['one', []]);
        await two?.write(SPACE, [put('b', [passage('second')])], 'two');
        await expect(one?.write(SPACE, [], 'three')).rejects.toThrow(IndexMoved);
        await opened.index.remove();
        await expect(two?.write(SPACE, [], 'four')).rejects.toThrow(IndexMoved);
        expect([await one?.mark(SPACE), await found(two as TextIndex, 'first')]).toEqual([null, []]);
      });
    } finally {
      await close(other);
    }
  });

  it('works behind a pooler that gives each transaction another connection', async () => {
    const pooler = await startTransactionPooler(database);
    const behind = await open(pooler.port);
    try {
      await withIndexes([behind, behind], async (one, two) => {
        await Promise.all(
          [one, two].map(async (index, which) => {
            for (let n = 0; n < 5; n++) await writeInTurn(index as TextIndex, [put(`${n} by ${which}`, [passage('pooled')])]);
          }),
        );
        expect(await found(one as TextIndex, 'pooled')).toHaveLength(10);
        expect(pooler.swaps()).toBeGreaterThan(10);
      });
    } finally {
      await close(behind);
      await pooler.close();
    }
  });

  it('writes postings anew once many of their passages went, and finds the same', async () => {
    await withIndexes([opened], async (index) => {
      const many = Array.from({ length: 3_000 }, (_, n) =>
        put(`item ${n}`, [passage(`common word${String(n % 100).padStart(2, '0')} only${n}`)]),
      );
      await index?.write(SPACE, many);
      await index?.write(
        SPACE,
        many.slice(0, 2_500).map((_, n) => ({ type: 'remove' as const, item: held(`item ${n}`).item })),
      );
      const [left] = await query(
        `select (select count(*)::int from test.index_dead) as dead, (select count(*)::int from test.index_words) as words`,
      );
      expect(left).toEqual({ dead: 0, words: 1 + 100 + 500 });
      expect(await found(index as TextIndex, 'word07')).toEqual(['item 2507', 'item 2607', 'item 2707', 'item 2807', 'item 2907']);
      expect([await found(index as TextIndex, 'only2499'), await found(index as TextIndex, 'only2500')]).toEqual([[], ['item 2500']]);
      await index?.removeSpace(SPACE);
      expect(await query('select (select count(*) from test.index_words) + (select count(*) from test.index_passages) as left')).toEqual([
        { left: '0' },
      ]);
    });
  });

  it('takes a size where something is in it, which is not counted twice', async () => {
    const before = await opened.size();
    expect(await opened.index.size()).toBe(0);
    await withIndexes([opened], async (index) => {
      await index?.write(SPACE, [put('a', [passage('some text')])]);
      expect(await opened.index.size()).toBeGreaterThan(8_192);
      expect(await opened.size()).toBe(before);
    });
    expect(await opened.index.size()).toBe(0);
  });

  it('says that it is damaged where it is of another version, or torn, and can be made anew', async () => {
    await withIndexes([opened], async (index) => {
      await index?.write(SPACE, [put('a', [passage('words')])]);
      await query(`update test.index_words set postings = '\\x00ff00ff00ff'`);
      await expect(found(index as TextIndex, 'words')).rejects.toThrow(IndexDamaged);
      await query('update test.index_state set version = 999');
      await expect(opened.index.open()).rejects.toThrow(IndexDamaged);
      await opened.index.remove();
      expect(await found(index as TextIndex, 'words')).toEqual([]);
    });
  });

  it('shows no words to strangers who were granted everything', async () => {
    await withIndexes([opened], async (index) => {
      await index?.write(SPACE, [put('a', [passage('secret')])]);
      await server.query('postgres', `create role reader login password 'reader'`);
      await query('grant usage on schema test to reader; grant select on all tables in schema test to reader');
      const unguarded = `select relname from pg_class where relname like 'index\\_%' and relkind = 'r' and not (relrowsecurity and relforcerowsecurity)`;
      expect(await query(unguarded)).toEqual([]);
      const reader = new Client({ ...database, user: 'reader', password: 'reader' });
      await reader.connect();
      await reader.query(`set satchel.node = 'on'`);
      for (const table of ['words', 'passages', 'items', 'spaces'])
        expect((await reader.query(`select 1 from test.index_${table}`)).rows).toEqual([]);
      await reader.end();
    });
  });

  it('holds of what was being written when its server crashed all or nothing, and goes on', async () => {
    const batch = (which: number): IndexChange[] => Array.from({ length: 200 }, (_, n) => put(`${which} ${n}`, [passage(`batch${which}`)]));
    const index = await opened.index.open();
    await index.write(SPACE, batch(1), '1');
    const writing = index.write(SPACE, batch(2), '2').catch((error: unknown) => error);
    await server.crash();
    await server.start();
    await writing;
    await index.close();
    await withIndexes([opened], async (again) => {
      const mark = await again?.mark(SPACE);
      expect(await found(again as TextIndex, 'batch1')).toHaveLength(100);
      expect(await found(again as TextIndex, 'batch2')).toHaveLength(mark === '2' ? 100 : 0);
      await again?.write(SPACE, batch(2), '2');
      expect((await again?.held(SPACE))?.size).toBe(400);
      expect(await found(again as TextIndex, 'batch2')).toHaveLength(100);
    });
  });
});
