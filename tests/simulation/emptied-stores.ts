import type { Statement } from 'better-sqlite3';
import type { Store } from '../../src/core/ports/store.ts';
import { createStoreOn, openDatabase, type OpenDatabase, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';

interface MemoryDatabase {
  readonly opened: OpenDatabase;
  /** The last made first: a table is made after those that it refers to. */
  readonly tables: readonly string[];
  /** One a table, in that order. */
  readonly deletions: readonly Statement[];
}

/** Of stores that were closed, without a row. */
const emptied: MemoryDatabase[] = [];
/** Of stores that are in use. */
const taken = new WeakMap<Store, MemoryDatabase>();

/**
 * A store in memory, as good as new: it has the database of one that was closed, if there is one. Schedules make thousands, and the
 * tables and statements of each anew were a twentieth of what they took.
 */
export async function takeStore(): Promise<SqliteStore> {
  const memory = emptied.pop() ?? (await createDatabase());
  const { opened } = memory;
  // The check for nested transactions would make each promise of the process take longer; the tests of the replica have it on.
  const store = createStoreOn(opened, { checksNesting: false });
  let isClosed = false;
  const closed = (): Promise<never> => Promise.reject(new Error('the store is closed'));
  const lent: SqliteStore = {
    ...store,
    // Not a turn later than without: schedules stay what they are.
    read: (work) => (isClosed ? closed() : store.read(work)),
    write: (work) => (isClosed ? closed() : store.write(work)),
    async close() {
      if (isClosed) return;
      isClosed = true;
      // A schedule that failed may have left one that never ends.
      if (opened.database.inTransaction) return store.close();
      empty(memory);
      emptied.push(memory);
    },
  };
  taken.set(lent, memory);
  return lent;
}

/** A store that holds the same, as a copy of the disk does. */
export async function copyStore(original: Store): Promise<SqliteStore> {
  const from = taken.get(original)?.opened.database;
  if (from === undefined || from.inTransaction) throw new Error('only a store in memory can be copied, between its transactions');
  const copy = await takeStore();
  const { opened, tables } = taken.get(copy) as MemoryDatabase;
  opened.database.transaction(() => {
    for (const name of tables.toReversed()) {
      const rows = from.prepare(`select * from "${name}"`).raw().all() as unknown[][];
      const [first] = rows;
      if (first === undefined) continue;
      const insertion = opened.database.prepare(`insert into "${name}" values (${first.map(() => '?').join(', ')})`);
      for (const row of rows) insertion.run(...row);
    }
  })();
  return copy;
}

async function createDatabase(): Promise<MemoryDatabase> {
  const opened = await openDatabase(':memory:');
  const { database } = opened;
  // To put off the check of references instead, by a pragma, would have SQLite prepare each kept statement anew.
  const tables = database
    .prepare("select name from sqlite_master where type = 'table' and name <> 'migrations' order by rowid desc")
    .pluck()
    .all() as string[];
  return { opened, tables, deletions: tables.map((name) => database.prepare(`delete from "${name}"`)) };
}

function empty({ opened: { database }, deletions }: MemoryDatabase): void {
  database.transaction(() => {
    for (const deletion of deletions) deletion.run();
  })();
}
