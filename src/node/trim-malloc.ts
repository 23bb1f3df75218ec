import Database from 'better-sqlite3';

/** As it is; its types lack the entry point. */
interface Extensible {
  loadExtension(library: string, entryPoint: string): void;
}

/** glibc. Where another libc is, nothing has that name. */
const LIBC = 'libc.so.6';

/**
 * Gives the system back what was freed and what glibc keeps for the next who asks: tens to hundreds of MB after a burst of
 * bodies, which an idle node does not need. Some 20 ms for 100 MB, and 5 ms where there is nothing to give. Does nothing where
 * another libc is.
 *
 * Node has no way to call malloc_trim(3), which does that. SQLite has: it loads a library by its name and calls the function
 * in it that is named too. It hands over pointers; malloc_trim takes the first one for a number, of bytes that may stay at
 * the heap's very end. That something was given back it answers with 1, which SQLite takes for a failure.
 */
export function trimMalloc(): void {
  if (process.platform !== 'linux') return;
  const database = new Database(':memory:');
  try {
    (database as unknown as Extensible).loadExtension(LIBC, 'malloc_trim');
  } catch (error) {
    // It was called, or it is not there.
    if (!(error instanceof Database.SqliteError)) throw error;
  } finally {
    database.close();
  }
}
