import type { Statement } from 'better-sqlite3';
import { createStoreOn, openDatabase, type OpenDatabase, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';

interface MemoryDatabase {
  readonly opened: OpenDatabase;
  /** One a table. */
  readonly deletions: readonly Statement[];
}

/** Of stores that were closed, without a row. */
const emptied: MemoryDatabase[] = [];

/**
 * A store in memory, as good as new: it has the database of one that was closed, if there is one. Schedules make thousands, and the
 * tables and statements of each anew were a twentieth of what they took.
 */
export async function takeStore(): Promise<SqliteStore> {
  const taken = emptied.pop() ?? (await createDatabase());
  const { opened } = taken;
  // The check for nested transactions would make each promise of the process take longer; the tests of the replica have it on.
  const store = createStoreOn(opened, { checksNesting: false });
  let isClosed = false;
  const closed = (): Promise<never> => Promise.reject(new Error('the store is closed'));
  return {
    ...store,
    // Not a turn later than without: schedules stay what they are.
    read: (work) => (isClosed ? closed() : store.read(work)),
    write: (work) => (isClosed ? closed() : store.write(work)),
    async close() {
      if (isClosed) return;
      isClosed = true;
      // A schedule that failed may have left one that never ends.
      if (opened.database.inTransaction) return store.close();
      empty(taken);
      emptied.push(taken);
    },
  };
}

async function createDatabase(): Promise<MemoryDatabase> {
  const opened = await openDatabase(':memory:');
  const { database } = opened;
  // Last made first: a table is made after those that it refers to. To put off that check instead, by a pragma, would have SQLite
  // prepare each kept statement anew.
  const tables = database
    .prepare("select name from sqlite_master where type = 'table' and name <> 'migrations' order by rowid desc")
    .pluck()
    .all() as string[];
  return { opened, deletions: tables.map((name) => database.prepare(`delete from "${name}"`)) };
}

function empty({ opened: { database }, deletions }: MemoryDatabase): void {
  database.transaction(() => {
    for (const deletion of deletions) deletion.run();
  })();
}
