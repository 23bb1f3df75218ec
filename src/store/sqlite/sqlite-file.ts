import { chmodSync, closeSync, mkdirSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { StoreUnusable } from '../store-unusable.ts';

/** In the file's header (PRAGMA application_id), so that `file` and we know whose it is: "Stch". */
const APPLICATION_ID = 0x53746368;
/** Less is not enough to open a database, bytes. */
const NO_ROOM = 256 * 1024;
/** How long opening waits for another process, ms. */
const OPEN_TIMEOUT = 5_000;
/** How long a statement does, before the driver lets our own process go on and asks again, ms. */
const BUSY_TIMEOUT = 20;
/** Pages of the write-ahead log after which it is copied back: 16 MiB, so that hot pages are copied once for many commits. */
const CHECKPOINT_PAGES = 4_096;
/** Of pages kept in memory, beside those that the system keeps anyway. */
const CACHE_KIB = 6_144;

/**
 * Opens or makes a database file for us alone (0600; the directory 0700; SQLite gives its side files the same mode).
 * A resolved commit is on disk: synchronous=FULL flushes the write-ahead log each time.
 */
export function openSqliteFile(path: string): Database.Database {
  if (path !== ':memory:') makePrivate(path);
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { timeout: OPEN_TIMEOUT });
    claim(database, path);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    // What was forgotten is overwritten, and not merely free: it costs nothing that could be measured.
    database.pragma('secure_delete = ON');
    database.pragma('foreign_keys = ON');
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.pragma(`cache_size = -${CACHE_KIB}`);
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT}`);
    return database;
  } catch (error) {
    database?.close();
    throw error instanceof Database.SqliteError ? unusable(error, path) : error;
  }
}

function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}

function claim(database: Database.Database, path: string): void {
  const id = database.pragma('application_id', { simple: true });
  if (id === APPLICATION_ID) return;
  const objects = database.prepare('select count(*) from sqlite_master').pluck().get();
  if (id !== 0 || objects !== 0) throw new StoreUnusable('foreign', `${path} is a database of another program`);
  database.pragma(`application_id = ${APPLICATION_ID}`);
}

function unusable(error: InstanceType<typeof Database.SqliteError>, path: string): Error {
  if (error.code.startsWith('SQLITE_BUSY')) return new StoreUnusable('busy', `${path} is in use by another process`, error);
  if (error.code === 'SQLITE_NOTADB' || error.code.startsWith('SQLITE_CORRUPT')) {
    return new StoreUnusable('damaged', `${path} is not readable as a database; restore it from a backup`, error);
  }
  if (isForWantOfRoom(error.code, path)) return new StoreUnusable('full', `there is no room on the disk of ${path}`, error);
  return error;
}

/** SQLite names some failures of a full disk after what it was doing. */
export function isForWantOfRoom(code: string, path: string): boolean {
  if (code === 'SQLITE_FULL') return true;
  if (!code.startsWith('SQLITE_IOERR') && code !== 'SQLITE_CANTOPEN') return false;
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize < NO_ROOM;
}
