import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';

/** Of pages kept in memory: objects have random names, so hardly any would do for a large index, and these do for 20,000. */
const CACHE_KIB = 2_048;

/** Not flushed with each entry: what it lacks after a power failure is read from the bucket. Two processes do no harm. */
export function openIndexFile(path: string): Database.Database {
  closeSync(openSync(path, 'a', 0o600));
  const db = new Database(path, { timeout: 2_000 });
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma(`cache_size = -${CACHE_KIB}`);
    db.exec(`
      begin immediate;
      create table if not exists spaces (number integer primary key, id blob not null unique, position integer not null,
        hash blob not null, condemned integer not null);
      create table if not exists blobs (number integer primary key, space integer not null, name text not null, size integer not null,
        data_at integer not null, unique (space, name));
      create table if not exists objects (space integer not null, id blob not null, blob integer not null, offset integer not null,
        size integer not null, primary key (space, id)) without rowid;
      create index if not exists objects_blob on objects (space, blob);
      create table if not exists notes (name text primary key, text text not null) without rowid;
      commit;`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
