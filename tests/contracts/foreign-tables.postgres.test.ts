import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/core/ports/store.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { openPostgres, probePostgres } from '../../src/store/postgres/postgres-database.ts';
import type { PostgresOptions } from '../../src/store/postgres/postgres-options.ts';
import type { StoreUnusable } from '../../src/store/store-unusable.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';

let server: PostgresServer;
let database: TestDatabase;
beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
});
afterAll(() => server.dispose());

let schemas = 0;
/** A schema in which another program of the same user keeps something. */
async function shared(...statements: readonly string[]): Promise<PostgresOptions> {
  const schema = `app${++schemas}`;
  await run(`create schema ${schema} authorization ${database.user}`);
  await run(`set role ${database.user}; set search_path = ${schema}; ${statements.join('; ')}`);
  return { ...database, schema, tls: 'off' };
}
const run = (sql: string) => server.query(database.database, sql);

async function open(options: PostgresOptions, work: (store: Store) => Promise<void> = async () => undefined): Promise<void> {
  const { store, objects } = await openPostgres(options, { clock: createSystemClock(), random: createSystemRandom() });
  try {
    await work(store);
  } finally {
    await objects.close();
    await store.close();
  }
}

const relations = (schema: string) =>
  run(`select relname as name, relrowsecurity as secured from pg_class where relnamespace = '${schema}'::regnamespace order by relname`);

it.each([
  ['a table of the first migration', 'documents', 'create table documents (id int, body text)'],
  ['one of a later migration', 'objects', 'create table objects (id int)'],
  ['the list of migrations of another program', 'migrations', 'create table migrations (id serial, migration text, batch int)'],
  ['one that looks alike', 'migrations', `create table migrations (number bigint, name text); insert into migrations values (1, 'users')`],
  ['a view', 'items', 'create view items as select 1 as one'],
  ['an index', 'history_item', 'create table things (name text); create index history_item on things (name)'],
  [
    'what a start that broke off left behind',
    'objects',
    'create table migrations (number bigint primary key, name text); create table objects (id int)',
  ],
])(
  'refuses a schema in which %s has a name that is needed, when it is looked at and when it is opened, and changes nothing',
  async (_what, name, ...made) => {
    const options = await shared(...made);
    const before = await relations(options.schema);
    for (const ask of [() => probePostgres(options), () => open(options)])
      await expect(ask()).rejects.toMatchObject({
        reason: 'refused',
        message: expect.stringContaining(`the schema "${options.schema}" holds "${name}", which Satchel did not make`),
        remedy: expect.stringContaining('another schema: ?schema=NAME'),
      });
    expect(await relations(options.schema)).toEqual(before);
  },
);

it('shares a schema with tables of other names, and leaves them as they are to whoever uses them', async () => {
  const options = await shared('create table people (name text)', `insert into people values ('ana')`);
  expect(await probePostgres(options)).toMatchObject({ hasLogs: false });
  await open(options);
  await open(options);
  const secured = new Map((await relations(options.schema)).map(({ name, secured: is }) => [name, is]));
  expect([secured.get('people'), secured.get('documents'), secured.get('index_words')]).toEqual([false, true, true]);
  const client = new Client({ ...database });
  await client.connect();
  expect((await client.query(`select name from ${options.schema}.people`)).rows).toEqual([{ name: 'ana' }]);
  await client.end();
});

it('names the user who made the tables to another one, who is shown none of their rows', async () => {
  const options = await shared();
  await open(options);
  await run(`create role second login password 'second'`);
  await run(`grant usage, create on schema ${options.schema} to second; grant all on all tables in schema ${options.schema} to second`);
  const second = { ...options, user: 'second', password: 'second' };
  for (const ask of [() => probePostgres(second), () => open(second)])
    await expect(ask()).rejects.toMatchObject({
      reason: 'refused',
      message: expect.stringContaining(
        `the tables in the schema "${options.schema}" were made by "${database.user}", and "second" is shown nothing of them`,
      ),
    });
});

it('tells whether row policies hold for the user that it is', async () => {
  const options = await shared();
  expect(await probePostgres(options)).toMatchObject({ isUnbound: false });
  await run(`alter role ${database.user} bypassrls`);
  expect(await probePostgres(options)).toMatchObject({ isUnbound: true });
  await run(`alter role ${database.user} nobypassrls`);
});

describe('what a dump restores', () => {
  /** A hub's database with a document, and its schema. */
  async function filled(): Promise<PostgresOptions> {
    const options = { ...(await server.createDatabase()), schema: 'satchel', tls: 'off' } as const;
    await open(options, (store) => store.write((tx) => tx.documents.put('c', 'n', 1)));
    return options;
  }
  const tablesOf = async (options: PostgresOptions): Promise<string[]> =>
    (await server.query(options.database, `select tablename as name from pg_tables where schemaname = 'satchel'`)).map(({ name }) =>
      String(name),
    );
  const refusal = async (options: PostgresOptions): Promise<StoreUnusable> => {
    const [looked, opened] = await Promise.allSettled([probePostgres(options), open(options)]);
    expect(looked).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnusable', reason: 'refused' } });
    expect(opened).toEqual(looked);
    return (looked as PromiseRejectedResult).reason as StoreUnusable;
  };

  it('is written by the hub’s own user with the setting that the guide names: all rows are shown', async () => {
    const options = await filled();
    const [silent, told] = ['', '-c satchel.node=on'].map((set) => new Client({ ...options, options: set }));
    for (const [client, rows] of [
      [silent, 0],
      [told, 1],
    ] as const) {
      await client?.connect();
      expect((await client?.query('select * from satchel.documents'))?.rows).toHaveLength(rows);
      await client?.end();
    }
  });

  it('where it was shown no rows: named', async () => {
    const options = await filled();
    await server.query(options.database, `truncate ${(await tablesOf(options)).map((name) => `satchel.${name}`).join(', ')}`);
    expect(await refusal(options)).toMatchObject({
      message: expect.stringMatching(/"satchel" are Satchel’s, and hold nothing.*row-level security/),
      remedy: expect.stringContaining('Dump again as docs/guides/several-hubs.md says'),
    });
  });

  it('of another user: named with what gives it to the hub, and that does', async () => {
    const options = await filled();
    for (const name of await tablesOf(options)) await server.query(options.database, `alter table satchel.${name} owner to postgres`);
    await server.query(options.database, 'alter schema satchel owner to postgres');
    const { message, remedy } = await refusal(options);
    expect(message).toContain(`the schema "satchel" was made by "postgres", and "${options.user}" may not use it`);
    await server.query(options.database, String(/run: (.*)/.exec(remedy ?? '')?.[1]));
    await open(options, async (store) => expect(await store.read((tx) => tx.documents.get('c', 'n'))).toBe(1));
    // What a newer release alters is its owner's alone.
    await server.query(options.database, 'delete from satchel.migrations where number = 6');
    await expect(open(options)).rejects.toMatchObject({
      reason: 'refused',
      message: expect.stringContaining(`alter table "satchel"."feed_bodies" owner to "${options.user}"`),
    });
  });
});
