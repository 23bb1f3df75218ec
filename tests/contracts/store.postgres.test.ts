import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable, type Store } from '../../src/core/ports/store.ts';
import { EMPTY_HEAD, type Head } from '../../src/core/log/record.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import type { PostgresOptions } from '../../src/store/postgres/postgres-options.ts';
import { openPostgres } from '../../src/store/postgres/postgres-database.ts';
import { transactionSettings } from '../../src/store/postgres/transaction-settings.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { startTransactionPooler } from '../services/transaction-pooler.ts';
import { describeStoreContract, record } from './store.ts';

let server: PostgresServer;
let database: TestDatabase;
let schemas = 0;
beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
});
afterAll(() => server.dispose());

/** As cheap as a database, and as far from the others. */
const fresh = (): PostgresOptions => ({ ...database, schema: `test ${++schemas}`, tls: 'off' });
async function openStore(options: PostgresOptions): Promise<Store> {
  const { store, objects } = await openPostgres(options, { clock: createSystemClock(), random: createSystemRandom() });
  await objects.close();
  return store;
}

/** One for all tests of the contract: between them the rows go. */
let contractOptions: PostgresOptions | null = null;

describeStoreContract('postgres', async () => {
  const options = (contractOptions ??= fresh());
  let store = await openStore(options);
  return {
    store,
    async reopen() {
      await store.close();
      return (store = await openStore(options));
    },
    async historyBytes() {
      const sum = `select coalesce(sum(length(content)), 0) as bytes from "${options.schema}".history`;
      const [row] = await server.query(database.database, sum);
      return Number(row?.['bytes']);
    },
    async dispose() {
      await store.close();
      const tables = await server.query(
        database.database,
        `select tablename as name from pg_tables where schemaname = '${options.schema}' and tablename <> 'migrations' and tablename not like 'index\\_%'`,
      );
      await server.query(database.database, `truncate ${tables.map(({ name }) => `"${options.schema}".${String(name)}`).join(', ')}`);
    },
  };
});

describe('a postgres store', () => {
  /** Runs work with so many stores on one database, as with so many processes. */
  async function withStores<T>(count: number, work: (stores: Store[], options: PostgresOptions) => Promise<T>): Promise<T> {
    const options = fresh();
    const stores = await Promise.all(Array.from({ length: count }, () => openStore(options)));
    try {
      return await work(stores, options);
    } finally {
      for (const store of stores) await store.close();
    }
  }

  it('is made once, however many begin at once, and begins a log once', async () => {
    await withStores(4, async (stores, { schema }) => {
      const appended = await Promise.all(stores.map((store) => store.write((tx) => tx.logs.append(SPACE, EMPTY_HEAD, [record(0)]))));
      expect(appended.filter(Boolean)).toHaveLength(1);
      expect(await server.query(database.database, `select number from "${schema}".migrations`)).toHaveLength(6);
    });
  });

  it('lets one of those append who race, again and again, and loses none', async () => {
    await withStores(3, async (stores) => {
      const landed = await Promise.all(stores.map((store, which) => appendMany(store, 20, `by ${which}`)));
      const [first] = stores;
      const all = await first?.read((tx) => tx.logs.read(SPACE, 0, { records: 1_000, bytes: 1e9 }));
      expect(all?.map(({ position }) => position)).toEqual(Array.from({ length: 60 }, (_, index) => index));
      expect(new Set(all?.map(({ hash }) => hash))).toEqual(new Set(landed.flat()));
    });
  });

  it('runs what meets one after the other, whichever process it is in', async () => {
    await withStores(3, async (stores) => {
      const increment = (store: Store) =>
        store.write(async (tx) => {
          const n = (await tx.documents.get<number>('c', 'n')) ?? 0;
          await tx.documents.put('c', 'n', n + 1);
        });
      await Promise.all(stores.flatMap((store) => Array.from({ length: 20 }, () => increment(store))));
      expect(await stores[0]?.read((tx) => tx.documents.get('c', 'n'))).toBe(60);
    });
  });

  it('says so where a transaction goes on behind a statement that failed: PostgreSQL commits nothing of it, and calls that no error', async () => {
    await withStores(1, async ([store], { schema }) => {
      await server.query(
        database.database,
        `create function "${schema}".refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
         create trigger refuse before insert on "${schema}".drafts for each row execute function "${schema}".refuse()`,
      );
      const swallowing = store?.write(async (tx) => {
        await tx.documents.put('c', 'n', 1);
        await tx.drafts.put(SPACE, [{ id: record(0).id, bytes: new Uint8Array(1) }]).catch(() => undefined);
      });
      await expect(swallowing).rejects.toThrow('rolled back');
      expect(await store?.read((tx) => tx.documents.get('c', 'n'))).toBeUndefined();
      await store?.write((tx) => tx.documents.put('c', 'n', 2)); // by the same connection
      expect(await store?.read((tx) => tx.documents.get('c', 'n'))).toBe(2);
    });
  });

  it('runs a transaction again that another one was in the way of', async () => {
    await withStores(2, async ([one, other]) => {
      const both = (store: Store | undefined, first: string, second: string) =>
        store?.write(async (tx) => {
          for (const collection of [first, second]) {
            const n = (await tx.documents.get<number>(collection, 'n')) ?? 0;
            await new Promise((resolve) => setTimeout(resolve, 5));
            await tx.documents.put(collection, 'n', n + 1);
          }
        });
      await Promise.all([both(one, 'a', 'b'), both(other, 'b', 'a')]);
      const counted = await one?.read(async (tx) => [await tx.documents.get('a', 'n'), await tx.documents.get('b', 'n')]);
      expect(counted).toEqual([2, 2]);
    });
  });

  it('works behind a pooler that gives each transaction another connection', async () => {
    const pooler = await startTransactionPooler(database);
    const options = { ...fresh(), port: pooler.port };
    const stores = await Promise.all([openStore(options), openStore(options), openStore(options)]);
    try {
      const landed = await Promise.all(stores.map((store, which) => appendMany(store, 6, `by ${which}`)));
      const all = await stores[0].read((tx) => tx.logs.read(SPACE, 0, { records: 1_000, bytes: 1e9 }));
      expect(new Set(all.map(({ hash }) => hash))).toEqual(new Set(landed.flat()));
      expect(all).toHaveLength(18);
      expect(pooler.swaps()).toBeGreaterThan(18);
      expect(
        await server.query(
          database.database,
          `select sum(1) from pg_stat_activity where application_name = 'satchel' and state = 'idle in transaction'`,
        ),
      ).toEqual([{ sum: null }]);
    } finally {
      for (const store of stores) await store.close();
      await pooler.close();
    }
  });

  it('of a newer version is refused', async () => {
    await withStores(1, async (_, options) => {
      await server.query(database.database, `insert into "${options.schema}".migrations values (99, 'from the future')`);
      await expect(openStore(options)).rejects.toMatchObject({
        name: 'StoreUnusable',
        reason: 'newer',
        message: expect.stringContaining('schema 99; this one knows') as string,
      });
    });
  });

  it('finds by its indexes what is asked often, however long a log is, though nobody analyzed it', async () => {
    await withStores(1, async ([store], options) => {
      for (let from = 0; from < 3_000; from += 1_000) {
        const head = (await store?.read((tx) => tx.logs.head(SPACE))) ?? EMPTY_HEAD;
        const page = Array.from({ length: 1_000 }, (_, index) => record(from + index));
        expect(await store?.write((tx) => tx.logs.append(SPACE, head, page))).toBe(true);
      }
      const client = new Client({ ...database });
      await client.connect();
      await client.query(`begin; ${transactionSettings(options.schema)}`);
      for (const [sql, index] of [
        ['select * from log_records where space = 1 order by position desc limit 1', 'log_records_pkey'],
        ['select * from log_records where space = 1 and position >= 2000 order by position limit 10', 'log_records_pkey'],
        [`select * from log_records where space = 1 and id in ('\\x00', '\\x01')`, 'log_records_id'],
        [`select * from items where space = 1 and kind = 'a' and name >= 'b' order by kind, name limit 5`, 'items_pkey'],
        [
          `select * from history where space = 1 and kind = 'a' and name = 'b' order by position desc, ordinal desc limit 5`,
          'history_item',
        ],
        [`select id from objects where space = '\\x00' and id in ('\\x00', '\\x01')`, 'objects_pkey'],
      ] as const) {
        const plan = (await client.query<{ 'QUERY PLAN': string }>(`explain ${sql}`)).rows.map((row) => row['QUERY PLAN']).join('\n');
        expect(plan).toContain(index);
        expect(plan).not.toMatch(/Sort|Seq Scan/);
      }
      await client.end();
    });
  });

  it('says what keeps it out', async () => {
    const wrong = (change: Partial<PostgresOptions>) => openStore({ ...fresh(), ...change }).catch((error: unknown) => error);
    expect(await wrong({ password: 'wrong' })).toMatchObject({
      name: 'StoreUnusable',
      message: expect.stringContaining('password of "d1" is wrong') as string,
    });
    expect(await wrong({ password: undefined })).toMatchObject({ message: expect.stringContaining('SATCHEL_STORE_PASSWORD') as string });
    expect(await wrong({ database: 'none' })).toMatchObject({
      name: 'StoreUnusable',
      message: expect.stringContaining('create database "none"') as string,
    });
    expect(await wrong({ tls: 'verified' })).toMatchObject({
      name: 'StoreUnusable',
      message: expect.stringContaining('sslmode=disable') as string,
    });
    const gone = await wrong({ port: 1 });
    expect(gone).toBeInstanceOf(StoreUnavailable);
    expect(gone).toMatchObject({ reason: 'unreachable', message: expect.stringContaining('ECONNREFUSED') as string });
    await server.query('postgres', `create role guest login password 'guest'`);
    const guest = await wrong({ user: 'guest', password: 'guest' });
    expect(guest).toMatchObject({ name: 'StoreUnusable', message: expect.stringContaining('create schema "test') as string });
  });

  it('refuses more than it can queue, and goes on', async () => {
    const store = await openStore({ ...fresh(), connections: 2, queue: 3 });
    const waiting = Array.from({ length: 10 }, () =>
      store
        .write((tx) => tx.documents.put('c', 'n', 1))
        .then(
          () => 'done',
          (error: unknown) => error,
        ),
    );
    const outcomes = await Promise.all(waiting);
    expect(outcomes.filter((each) => each === 'done')).toHaveLength(5);
    expect(outcomes.filter((each) => each instanceof StoreUnavailable && each.reason === 'busy')).toHaveLength(5);
    expect(await store.read((tx) => tx.documents.get('c', 'n'))).toBe(1);
    await store.close();
  });

  it('goes on when the database was restarted, and says meanwhile that it is not there', async () => {
    const own = await startPostgres();
    try {
      const store = await openStore({ ...(await own.createDatabase()), schema: 'satchel', tls: 'off' });
      await store.write((tx) => tx.documents.put('c', 'n', 1));
      await own.crash();
      await expect(store.read((tx) => tx.documents.get('c', 'n'))).rejects.toBeInstanceOf(StoreUnavailable);
      await own.start();
      expect(await store.read((tx) => tx.documents.get('c', 'n'))).toBe(1);
      await store.close();
    } finally {
      await own.dispose();
    }
  });

  it('shows nothing to strangers, who may log in and were granted everything', async () => {
    await withStores(1, async ([store], { schema }) => {
      await store?.write(async (tx) => {
        await tx.logs.append(SPACE, EMPTY_HEAD, [record(0)]);
        await tx.documents.put('c', 'n', 1);
      });
      await server.query('postgres', `create role stranger login password 'stranger'`);
      await server.query(
        database.database,
        `grant usage on schema "${schema}" to stranger; grant all on all tables in schema "${schema}" to stranger`,
      );
      const tables = await server.query(database.database, `select tablename as name from pg_tables where schemaname = '${schema}'`);
      expect(tables.length).toBeGreaterThan(12);
      for (const [user, password, setting] of [
        ['stranger', 'stranger', ''],
        ['stranger', 'stranger', `set satchel.node = 'on'`],
        [database.user, database.password, ''], // the owner, from another application
      ] as const) {
        const client = new Client({ ...database, user, password });
        await client.connect();
        if (setting !== '') await client.query(setting);
        for (const { name } of tables) {
          const found = await client.query(`select * from "${schema}"."${String(name)}"`);
          expect([name, found.rows]).toEqual([name, []]);
        }
        await expect(client.query(`insert into "${schema}".documents values ('c', 'x', '1')`)).rejects.toThrow('row-level security');
        expect((await client.query(`delete from "${schema}".log_records`)).rowCount).toBe(0);
        await client.end();
      }
      expect((await store?.read((tx) => tx.logs.head(SPACE)))?.position).toBe(0);
    });
  });
});

const SPACE = sha256Hex('space') as SpaceId;

/** Appends one after the other, each behind the head that it found, until so many landed; what landed. */
async function appendMany(store: Store, count: number, salt: string): Promise<string[]> {
  const landed: string[] = [];
  while (landed.length < count) {
    const head: Head = (await store.read((tx) => tx.logs.head(SPACE))) ?? EMPTY_HEAD;
    const next = record(head.position + 1, 10, `${salt} ${landed.length}`);
    if (await store.write((tx) => tx.logs.append(SPACE, head, [next]))) landed.push(next.hash);
  }
  return landed;
}
