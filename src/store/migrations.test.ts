import Database from 'better-sqlite3';
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate, type Migration } from './migrations.ts';
import type { StoreSchema } from './schema.ts';
import { sqliteDialect } from './sqlite/sqlite-dialect.ts';
import { createSqliteKysely } from './sqlite/sqlite-kysely.ts';

const first: Migration = { number: 1, name: 'first', statements: () => ['create table one (a integer)'] };
const second: Migration = { number: 2, name: 'second', statements: () => ['create table two (a integer)', 'insert into one values (2)'] };
const broken: Migration = {
  number: 2,
  name: 'broken',
  statements: () => ['create table two (a integer)', 'insert into nowhere values (1)'],
};

describe('migrations', () => {
  let database: Database.Database;
  let db: Kysely<StoreSchema>;

  beforeEach(() => {
    database = new Database(':memory:');
    db = createSqliteKysely(database);
  });
  afterEach(() => db.destroy());

  const run = (migrations: readonly Migration[]) => migrate(db, sqliteDialect, migrations, 'the store');
  const applied = () => database.prepare('select number, name from migrations order by number').raw().all();

  it('run once each, in order, from wherever the database is', async () => {
    await run([first]);
    await run([first, second]);
    await run([first, second]);
    expect(applied()).toEqual([[1, 'first'], [2, 'second']]); // prettier-ignore
    expect(database.prepare('select a from one').pluck().all()).toEqual([2]);
  });

  it('leave nothing of one that fails', async () => {
    await expect(run([first, broken])).rejects.toThrow('nowhere');
    expect(applied()).toEqual([[1, 'first']]);
    expect(database.prepare(`select count(*) from sqlite_master where name = 'two'`).pluck().get()).toBe(0);
    await run([first, second]);
    expect(applied()).toHaveLength(2);
  });

  it('refuse a database from the future, and change nothing', async () => {
    await run([first, second]);
    await expect(run([first])).rejects.toMatchObject({ name: 'StoreUnusable', reason: 'newer' });
    expect(applied()).toHaveLength(2);
  });
});
