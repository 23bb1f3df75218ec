import Database from 'better-sqlite3';
import type { CompiledQuery, Kysely } from 'kysely';
import type { Store } from '../../core/ports/store.ts';
import { feedMigration } from '../feed-migration.ts';
import { firstMigration } from '../first-migration.ts';
import { historyMigration } from '../history-migration.ts';
import { saidMigration } from '../said-migration.ts';
import { migrate } from '../migrations.ts';
import type { StoreSchema } from '../schema.ts';
import { createSqlStore, type SqlStoreOptions } from '../sql-store.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { createDirectTransactions } from '../direct-transactions.ts';
import { claimFile, flushFile } from './private-file.ts';
import { openSqliteFile } from './sqlite-file.ts';
import { createSqliteDriver, type SqliteDriver } from './sqlite-driver.ts';
import { createSqliteKysely, sqliteKysely } from './sqlite-kysely.ts';

const MIGRATIONS = [firstMigration, feedMigration, historyMigration, saidMigration];
/** They are the same for every file. */
const QUERIES = new Map<string, CompiledQuery>();

export interface SqliteStore extends Store {
  /**
   * Writes a consistent copy to `path` while the store goes on, and flushes it to disk. The file must not exist yet; it
   * is made with mode 0600. Cost: O(size); transactions run in between.
   */
  backup(path: string): Promise<void>;
  /** What is wrong with the database file, one line each; none when it is sound. O(size), and blocks meanwhile. */
  verify(): Promise<string[]>;
  /** Has what was deleted leave the disk, which the write-ahead log held until now. Cost: O(what was written lately), and a flush. */
  wipe(): Promise<void>;
  /** Lets go of what only saves work: pages and statements, 8 MB and more after a burst. The next calls cost some 10 ms more. */
  shrink(): Promise<void>;
}

/** A database with the newest schema, and the one connection to it. */
export interface OpenDatabase {
  readonly database: Database.Database;
  readonly driver: SqliteDriver;
  readonly db: Kysely<StoreSchema>;
}

/** The store in one SQLite file, which is made where missing, or in memory for `':memory:'`. Throws `StoreUnusable`. */
export async function createSqliteStore({ path, ...options }: { readonly path: string } & SqlStoreOptions): Promise<SqliteStore> {
  return createStoreOn(await openDatabase(path), options);
}

/** Opens or makes the file, and brings its schema up to the newest. Throws `StoreUnusable`. */
export async function openDatabase(path: string): Promise<OpenDatabase> {
  const database = openSqliteFile(path);
  try {
    const driver = createSqliteDriver(database);
    const db = createSqliteKysely(database, driver);
    await migrate(db, sqliteDialect, MIGRATIONS, path);
    return { database, driver, db };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The store in an open database, which is closed with it. One at a time. */
export function createStoreOn({ database, driver, db }: OpenDatabase, options: SqlStoreOptions): SqliteStore {
  const direct = createDirectTransactions(driver, sqliteKysely(driver));
  return {
    ...createSqlStore(db, direct, sqliteDialect, { queries: QUERIES, ...options }),
    backup: (path) => backUp(database, path),
    verify: async () => verify(database),
    wipe: () => db.connection().execute(async () => void database.pragma('wal_checkpoint(TRUNCATE)')),
    shrink: () => db.connection().execute(async () => driver.shrink()),
  };
}

async function backUp(database: Database.Database, path: string): Promise<void> {
  await claimFile(path);
  await database.backup(path);
  await flushFile(path);
}

function verify(database: Database.Database): string[] {
  const damage = database.pragma('integrity_check(100)') as { integrity_check: string }[];
  const strays = database.pragma('foreign_key_check') as { table: string; rowid: number | null }[];
  return [
    ...damage.map((row) => row.integrity_check).filter((line) => line !== 'ok'),
    ...strays.map((row) => `${row.table}: row ${row.rowid ?? '?'} names a space that is not there`),
  ];
}
