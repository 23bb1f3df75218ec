import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Clock } from '../../core/ports/clock.ts';
import type { RowsProfile } from './profile.ts';
import { flushLog } from './flush-log.ts';
import { markOfLog, partsOf, standingOfLog, type LogMark } from './log-mark.ts';
import { abandon, noteClosed, noteOpen, type Connection } from './open-here.ts';
import { createTableAccess, type TableAccess } from './table-access.ts';
import { readShapes } from './table-shape.ts';

/** What stands at the database's path: `other` is another file than the one that was open, or has another log. */
export type Standing = 'missing' | 'same' | 'opened' | 'other';

/**
 * Another program's database, while that program works on it. Nothing here waits on the thread for a lock: what is busy is tried
 * again. The file is never replaced, and only ever written by statements in short transactions.
 */
export interface RowDatabase {
  /** Opens what stands there now. Throws where it is no database, or may not be opened or read. Cost: three stats; where it `isApart`, as of asking for others. */
  look(): Standing;
  /** What is open, and what another process goes on with, is not what stands beside the database by now. Its log is copied back whenever it is looked at. */
  isApart(): boolean;
  /** Closes what is open where it is not what stands there, or could not be read; `anyway`: also where nothing says so. Cost: as of `look`. */
  letGo(anyway?: boolean): void;
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

/** Thrown where a database must not be opened as it stands. Whether it may costs little to find out, and nothing else tells. */
export class DatabaseWithheld extends Error {
  override readonly name = 'DatabaseWithheld';
}

/** Pages of the write-ahead log after which it is copied back: SQLite's own number. */
const CHECKPOINT_PAGES = 1_000;
const PAUSES_MS = [2, 5, 10, 20, 50, 100];
const GIVE_UP_MS = 20_000;

export type IsHeld = (file: string, parts: readonly string[]) => boolean;

export interface RowDatabaseOptions {
  /** Why what stands there must not be opened, as opening alone would do harm; asked each time before. */
  readonly mayNotOpen?: ((file: string) => string | null) | undefined;
  /** Whether another process has these very files open (`device:inode`), asked where its log or the log's memory was replaced. */
  readonly isHeldByOthers?: IsHeld | undefined;
  readonly checkpointPages?: number;
  readonly flush?: typeof flushLog;
}

export function createRowDatabase(
  file: string,
  profile: RowsProfile,
  clock: Clock,
  { mayNotOpen, isHeldByOthers = () => false, checkpointPages = CHECKPOINT_PAGES, flush = flushLog }: RowDatabaseOptions = {},
): RowDatabase {
  let open: {
    readonly database: Database.Database;
    readonly identity: string;
    readonly isLogged: boolean;
    /** Its log was flushed since it was opened. */
    isFlushed: boolean;
    /** Of what it has open; `null` without a log. */
    readonly mark: LogMark | null;
    /** What it reads is not what a database says: another program may have written over its files. */
    isBroken: boolean;
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
    noteClosed(file, connection);
  };

  const isHeld = (parts: readonly (string | null)[]): boolean =>
    isHeldByOthers(
      file,
      parts.filter((part) => part !== null),
    );
  const isAsOpened = (mark: LogMark | null): boolean => mark === null || standingOfLog(file, mark).type === 'same';
  /** Whether what is open is what stands there, or what others go on with that have no other. */
  const isCurrent = (): boolean => {
    if (open === null || open.isBroken || identityOf(file) !== open.identity) return false;
    const { mark } = open;
    return isAsOpened(mark) || (mark !== null && isHeld([mark.wal, mark.shm]));
  };
  const connection: Connection = {
    isCurrent,
    isAsAllowed() {
      if (mayNotOpen === undefined || open === null || open.isBroken || open.mark === null) return false;
      return identityOf(file) === open.identity && isAsOpened(open.mark);
    },
    parts: () => (open === null ? new Map() : partsOf(open.identity, open.mark)),
    close,
  };

  const letGo = (): void => {
    if (open === null || isCurrent()) return;
    const { database, identity, mark, isBroken } = open;
    // Into a file that is another one by now SQLite copies nothing back.
    if (identityOf(file) !== identity) return close();
    const hasLog = !isBroken && mark !== null && standingOfLog(file, mark).type === 'nameless';
    // What only the log has that has no name any more would be lost with it. Others who have its memory may have begun it anew with another log.
    if (hasLog && !isHeld([mark.shm])) noting(() => void database.pragma('wal_checkpoint(PASSIVE)'));
    abandon(file, isHeld([identity]));
  };

  /** What a connection says of files that were written over is not to be believed. */
  const noting = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (open !== null && isOfOtherFiles(error)) open.isBroken = true;
      throw error;
    }
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

  function transaction<T>(begin: string, work: () => T): T {
    const database = opened();
    return noting(() => {
      database.exec(begin);
      try {
        const result = work();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        if (database.inTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  const copyBack = (): void => void noting(() => opened().pragma('wal_checkpoint(PASSIVE)'));

  async function patiently<T>(begin: string, work: () => T): Promise<T> {
    let waited = 0;
    for (let tries = 0; ; tries += 1) {
      try {
        return transaction(begin, work);
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
      const isOther = open !== null;
      if (identity === null) close();
      else letGo();
      if (open !== null) {
        // While others write there, nothing of it is in the log alone for long: it is gone with the last who has it open.
        if (!isAsOpened((open as NonNullable<typeof open>).mark)) copyBack();
        return 'same';
      }
      const refusal = mayNotOpen?.(file) ?? null;
      if (refusal !== null) throw new DatabaseWithheld(refusal);
      if (identity === null) return 'missing';
      const database = new Database(file, { fileMustExist: true, timeout: 0 });
      try {
        database.pragma('foreign_keys = ON');
        // What a statement may have to take back, which for full-text indexes is much, needs no file.
        database.pragma('temp_store = MEMORY');
        database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
        database.defaultSafeIntegers(true);
        const isLogged = database.pragma('journal_mode', { simple: true }) === 'wal';
        open = { database, identity, isLogged, isFlushed: false, mark: isLogged ? markOfLog(file) : null, isBroken: false };
      } catch (error) {
        database.close();
        throw error;
      }
      noteOpen(file, connection);
      return isOther ? 'other' : 'opened';
    },
    identity: () => open?.identity ?? null,
    isApart: () => open !== null && !isAsOpened(open.mark),
    letGo(anyway = false) {
      if (open !== null && anyway) open.isBroken = true;
      letGo();
    },
    version: () => noting(() => Number(opened().pragma('data_version', { simple: true }))),
    tables: () => noting(look).tables,
    referring: () => noting(look).referring,
    read: (work) => patiently('BEGIN', work),
    async write(work, more = false) {
      if (!isCurrent()) throw new Error('the database, or its write-ahead log, was replaced while it was open');
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
    checkpoint: copyBack,
    shrink: () => void open?.database.pragma('shrink_memory'),
    deferReferences: () => void opened().exec('PRAGMA defer_foreign_keys = ON'),
    close,
  };
}

function identityOf(file: string): string | null {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined || stat.size === 0n ? null : `${stat.dev}:${stat.ino}`;
}

/** Whether what was read is no database, or cannot be read. */
function isOfOtherFiles(error: unknown): boolean {
  const code = error instanceof Database.SqliteError ? error.code : '';
  return ['SQLITE_NOTADB', 'SQLITE_CORRUPT', 'SQLITE_IOERR', 'SQLITE_PROTOCOL'].some((each) => code.startsWith(each));
}

export function isBusy(error: unknown): boolean {
  const code = error instanceof Database.SqliteError ? error.code : '';
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}
