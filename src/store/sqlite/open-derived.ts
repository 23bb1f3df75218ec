import { rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { StoreUnusable } from '../store-unusable.ts';

/** Opens a database whose rows can be made again from elsewhere: a damaged one is made anew. Throws `StoreUnusable` where another process has it. */
export function openDerived<T>(path: string, open: (path: string) => T): T {
  try {
    return open(path);
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    if (error.code.startsWith('SQLITE_BUSY')) throw new StoreUnusable('busy', `${path} is in use by another process`, error);
    if (error.code !== 'SQLITE_NOTADB' && !error.code.startsWith('SQLITE_CORRUPT')) throw error;
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    return open(path);
  }
}
