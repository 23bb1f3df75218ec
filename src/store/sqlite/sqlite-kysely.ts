import type { Database } from 'better-sqlite3';
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, type KyselyConfig, type LimitNode } from 'kysely';
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
      createQueryCompiler: () => new PreparedOnceCompiler(),
    },
  };
}

/**
 * SQLite plans by the value of a limit where that is a bare parameter, and so prepares a kept statement anew whenever one is
 * bound, for two to ten times what most queries take. Of an expression it does not ask the value.
 */
class PreparedOnceCompiler extends SqliteQueryCompiler {
  protected override visitLimit(node: LimitNode): void {
    super.visitLimit(node);
    this.append(' + 0');
  }
}
