import Database from 'better-sqlite3';
import { isForWantOfRoom } from './sqlite-file.ts';

/**
 * What is wrong with a database file that another process may be using, one line each; none when it is sound. Opens it
 * for reading only. Indexes are not compared with their tables: `SqliteStore.verify` does that. O(size).
 */
export function quickCheck(path: string): string[] {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, timeout: 5_000 });
    const lines = database.pragma('quick_check(20)') as { quick_check: string }[];
    return lines.map((line) => line.quick_check).filter((line) => line !== 'ok');
  } catch (error) {
    // What cannot be looked at now is not damaged.
    if (error instanceof Database.SqliteError && isForWantOfRoom(error.code, path)) return [];
    if (error instanceof Database.SqliteError) return [error.message];
    throw error;
  } finally {
    database?.close();
  }
}
