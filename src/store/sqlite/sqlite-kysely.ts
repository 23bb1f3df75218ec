import type { Database } from 'better-sqlite3';
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, type KyselyConfig } from 'kysely';
import type { StoreSchema } from '../schema.ts';
import { createSqliteDriver, type SqliteDriver } from './sqlite-driver.ts';

/** Kysely over an open database, which it closes when it is destroyed. */
export function createSqliteKysely(database: Database, driver: SqliteDriver = createSqliteDriver(database)): Kysely<StoreSchema> {
  return new Kysely<StoreSchema>(sqliteKysely(driver));
}

export function sqliteKysely(driver: SqliteDriver): KyselyConfig {
  return {
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  };
}
