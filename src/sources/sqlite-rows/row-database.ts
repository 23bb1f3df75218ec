import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Clock } from '../../core/ports/clock.ts';
import type { RowsProfile } from './profile.ts';
import { flushLog } from './flush-log.ts';
import { createTableAccess, type TableAccess } from './table-access.ts';
import { readShapes } from './table-shape.ts';

/** What stands at the database's path: `other` is another file than the one that was open. */
export type Standing = 'missing' | 'same' | 'opened' | 'other';

/**
 * Another program's database, while that program works on it. Nothing here waits on the thread for a lock: what is busy is tried
 * again. The file is never replaced, and only ever written by statements in short transactions.
 */
export interface RowDatabase {
  /** Opens what stands there now. Throws where it is no database, or may not be read. Cost: a stat. */
  look(): Standing;
  /** Of the file that is open: another one for another file. `null`: none is. */
  identity(): string | null;
  /** Another number whenever another connection has committed. Cost: microseconds. Only after `look`. */
  version(): number;
  /** The tables that are there by now, by id. */
  tables(): ReadonlyMap<string, TableAccess>;
  /** Those whose rows refer to others, guarded ones included. */
  referring(): readonly TableAccess[];
  /** Runs `work` on one state of the database. It must not wait. */
  read<T>(work: () => T): Promise<T>;
  /**
   * Runs `work` in a transaction: all or nothing, durable when it resolves; where `more` follow at once, it is durable with the last of them, or
   * with `flush`.
   * Others read it before it is durable: for what a power cut takes back nobody has noted yet that it was put in place. `work` must not wait.
   */
  write<T>(work: () => T, more?: boolean): Promise<T>;
  /** Makes durable what was written before, while others may write. */
  flush(): Promise<void>;
  /** Inside `write`: what would come of `work`. Nothing of it stays. */
  rehearse<T>(work: () => T): T;
  /** Copies the write-ahead log back, as far as nobody is in the way: else others do it with their next commit. */
  checkpoint(): void;
  /** Inside `write`: references are checked at its end. */
  deferReferences(): void;
  /** Gives back the memory that only saves work: pages that were read or written, up to 16 MB of them. */
  shrink(): void;
  close(): void;
}

/** Thrown where another program does not give the database free. */
export class DatabaseBusy extends Error {
  override readonly name = 'DatabaseBusy';
}

/** Pages of the write-ahead log after which it is copied back: SQLite's own number. */
const CHECKPOINT_PAGES = 1_000;
const PAUSES_MS = [2, 5, 10, 20, 50, 100];
const GIVE_UP_MS = 20_000;

export function createRowDatabase(
  file: string,
  profile: RowsProfile,
  clock: Clock,
  mayNotOpen: (file: string) => string | null = () => null,
  checkpointPages = CHECKPOINT_PAGES,
  flush: (file: string, isNew: boolean) => Promise<void> = flushLog,
): RowDatabase {
  let open: {
    readonly database: Database.Database;
    readonly identity: string;
    readonly isLogged: boolean;
    /** Its log was flushed since it was opened. */
    isFlushed: boolean;
  } | null = null;
  let known: {
    readonly schema: number;
    readonly tables: ReadonlyMap<string, TableAccess>;
    readonly referring: readonly TableAccess[];
  } | null = null;

  const close = (): void => {
    open?.database.close();
    open = null;
    known = null;
  };

  const openedFile = (): NonNullable<typeof open> => {
    if (open === null) throw new Error('the database is not open');
    return open;
  };
  const opened = (): Database.Database => openedFile().database;
  const flushTo = async (into: NonNullable<typeof open>): Promise<void> => {
    if (!into.isLogged) return; // each transaction was durable
    await flush(file, !into.isFlushed);
    into.isFlushed = true;
  };

  const look = (): NonNullable<typeof known> => {
    const database = opened();
    const schema = Number(database.pragma('schema_version', { simple: true }));
    if (known?.schema === schema) return known;
    const shapes = readShapes(database, { ...profile, tables: [...profile.tables, ...profile.guarded] });
    const all = [...shapes].map(([id, shape]) => [id, createTableAccess(database, shape)] as const);
    const carried = new Set(profile.tables.map(({ id }) => id));
    known = {
      schema,
      tables: new Map(all.filter(([id]) => carried.has(id))),
      referring: all.map(([, access]) => access).filter(({ shape }) => shape.via !== null),
    };
    return known;
  };

  async function patiently<T>(begin: string, work: () => T): Promise<T> {
    let waited = 0;
    for (let tries = 0; ; tries += 1) {
      const database = opened();
      try {
        database.exec(begin);
        try {
          const result = work();
          database.exec('COMMIT');
          return result;
        } catch (error) {
          if (database.inTransaction) database.exec('ROLLBACK');
          throw error;
        }
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (waited >= GIVE_UP_MS) throw new DatabaseBusy(`another program holds ${file}`);
      }
      const pause = PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)] ?? 100;
      waited += pause;
      await clock.sleep(pause);
    }
  }

  return {
    look() {
      const identity = identityOf(file);
      if (identity === null) {
        close();
        return 'missing';
      }
      if (open?.identity === identity) return 'same';
      const isOther = open !== null;
      close();
      const refusal = mayNotOpen(file);
      if (refusal !== null) throw new Error(refusal);
      const database = new Database(file, { fileMustExist: true, timeout: 0 });
      try {
        database.pragma('foreign_keys = ON');
        // What a statement may have to take back, which for full-text indexes is much, needs no file.
        database.pragma('temp_store = MEMORY');
        database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
        database.defaultSafeIntegers(true);
      } catch (error) {
        database.close();
        throw error;
      }
      open = { database, identity, isLogged: database.pragma('journal_mode', { simple: true }) === 'wal', isFlushed: false };
      return isOther ? 'other' : 'opened';
    },
    identity: () => open?.identity ?? null,
    version: () => Number(opened().pragma('data_version', { simple: true })),
    tables: () => look().tables,
    referring: () => look().referring,
    read: (work) => patiently('BEGIN', work),
    async write(work, more = false) {
      const into = openedFile();
      into.database.pragma(`synchronous = ${into.isLogged ? 'NORMAL' : 'FULL'}`);
      const result = await patiently('BEGIN IMMEDIATE', work);
      if (!more) await flushTo(into);
      return result;
    },
    flush: () => flushTo(openedFile()),
    rehearse(work) {
      const database = opened();
      database.exec('SAVEPOINT rehearsal');
      try {
        return work();
      } finally {
        // Some troubles end the whole transaction.
        if (database.inTransaction) database.exec('ROLLBACK TO rehearsal; RELEASE rehearsal');
      }
    },
    checkpoint: () => void opened().pragma('wal_checkpoint(PASSIVE)'),
    shrink: () => void open?.database.pragma('shrink_memory'),
    deferReferences: () => void opened().exec('PRAGMA defer_foreign_keys = ON'),
    close,
  };
}

function identityOf(file: string): string | null {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined || stat.size === 0n ? null : `${stat.dev}:${stat.ino}`;
}

export function isBusy(error: unknown): boolean {
  const code = error instanceof Database.SqliteError ? error.code : '';
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}
