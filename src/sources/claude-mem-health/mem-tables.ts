import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';

/**
 * Looks at a database without changing it; `null` where there is none, or nothing that could be opened. Its log is read and not copied back. As
 * all who read, it leaves an empty log and SQLite's memory of it beside a database that had none, since who may only read removes nothing.
 */
export function lookInto<T>(file: string, look: (database: Database.Database) => T): T | null {
  // Where its folder is missing, too, better-sqlite3 takes that for a mistake of ours.
  if (!existsSync(file)) return null;
  let database: Database.Database;
  try {
    database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_CANTOPEN') return null;
    throw error;
  }
  try {
    return look(database);
  } finally {
    database.close();
  }
}

/** Changes it in one transaction: all or nothing, durable when it returns. */
export function changeIn<T>(file: string, change: (database: Database.Database) => T): T {
  const database = new Database(file, { fileMustExist: true, timeout: 5_000 });
  try {
    database.pragma('foreign_keys = ON');
    database.pragma('synchronous = FULL');
    return database.transaction(() => change(database)).immediate();
  } finally {
    database.close();
  }
}

/** Columns of a table; none where it is not there. */
export function columnsOf(database: Database.Database, table: string): Set<string> {
  return new Set(database.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table));
}

export function countOf(database: Database.Database, sql: string, ...values: readonly unknown[]): number {
  return (
    database
      .prepare<unknown[], number>(sql)
      .pluck()
      .get(...values) ?? 0
  );
}
