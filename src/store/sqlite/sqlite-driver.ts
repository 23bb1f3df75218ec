import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database, Statement } from 'better-sqlite3';
import type { CompiledQuery, DatabaseConnection, QueryResult, TransactionSettings } from 'kysely';
import type { DirectDriver } from '../direct-transactions.ts';

/** Statements kept prepared, and the longest text of one. */
const KEPT_STATEMENTS = 256;
const KEPT_LENGTH = 16 * 1024;

/** Transactions run one after the other, in the order of asking. */
export interface SqliteDriver extends DirectDriver {
  /** Lets go of kept statements and pages, between transactions. */
  shrink(): void;
}

/**
 * Kysely's driver for better-sqlite3: one connection, given to one transaction at a time in the order of asking.
 * Unlike Kysely's own it keeps statements prepared, takes the write lock when a writing transaction begins (so that a
 * second process makes it wait, never fail half-way), and lets a reading one write nothing.
 */
export function createSqliteDriver(database: Database): SqliteDriver {
  const connection = createConnection(database);
  let turn: Promise<void> = Promise.resolve();
  let endTurn = nothing;

  const takeTurn = async (): Promise<void> => {
    const before = turn;
    let end = nothing;
    turn = new Promise((resolve) => (end = resolve));
    await before;
    endTurn = end;
  };
  const begin = (readOnly: boolean): Promise<void> => {
    connection.mayWrite = !readOnly;
    return whenFree(() => connection.run(readOnly ? 'begin' : 'begin immediate'));
  };
  const rollBack = (): void => {
    if (database.inTransaction) connection.run('rollback'); // SQLite itself rolls back on a full disk
  };

  return {
    async transact(accessMode, work) {
      await takeTurn();
      try {
        await begin(accessMode === 'read only');
        try {
          const result = await work(connection);
          connection.run('commit');
          return result;
        } catch (error) {
          rollBack();
          throw error;
        }
      } finally {
        endTurn();
      }
    },
    init: async () => {},
    async acquireConnection() {
      await takeTurn();
      return connection;
    },
    releaseConnection: async () => endTurn(),
    beginTransaction: (_, settings: TransactionSettings) => begin(settings.accessMode === 'read only'),
    async commitTransaction() {
      connection.run('commit');
    },
    async rollbackTransaction() {
      rollBack();
    },
    destroy: async () => {
      database.close();
    },
    shrink() {
      connection.forget();
      database.pragma('shrink_memory');
    },
  };
}

/** Times that a transaction asks for the lock that another process holds. Each time SQLite waits for the busy timeout. */
const ATTEMPTS = 250;

/** Waits in small steps, so that our own process goes on meanwhile. */
async function whenFree(begin: () => void): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      begin();
      return;
    } catch (error) {
      if (!isBusy(error) || attempt === ATTEMPTS) throw error;
      await nextTurn();
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('SQLITE_BUSY');
}

function nothing(): void {}

interface SqliteConnection extends DatabaseConnection {
  /** False: statements that write are refused. By `pragma query_only` SQLite would prepare all kept statements anew. */
  mayWrite: boolean;
  run(sql: string): void;
  forget(): void;
}

function createConnection(database: Database): SqliteConnection {
  const kept = new Map<string, Statement>();

  function prepare(sql: string): Statement {
    const found = kept.get(sql);
    if (found !== undefined) return found;
    const statement = database.prepare(sql);
    if (sql.length <= KEPT_LENGTH) {
      const oldest = kept.size >= KEPT_STATEMENTS ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      kept.set(sql, statement);
    }
    return statement;
  }

  /** For a query of the transaction that runs. */
  function prepareAllowed(sql: string): Statement {
    const statement = prepare(sql);
    if (!connection.mayWrite && !statement.readonly) throw new Error('this transaction is read-only');
    return statement;
  }

  const connection: SqliteConnection = {
    mayWrite: true,
    forget: () => kept.clear(),
    run(sql) {
      const statement = prepare(sql);
      if (statement.reader) statement.all();
      else statement.run();
    },
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const statement = prepareAllowed(sql);
      if (statement.reader) return { rows: statement.all(...parameters) as R[] };
      const { changes } = statement.run(...parameters);
      return { rows: [], numAffectedRows: BigInt(changes) };
    },
    async *streamQuery<R>({ sql, parameters }: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
      for (const row of prepareAllowed(sql).iterate(...parameters)) yield { rows: [row as R] };
    },
  };
  return connection;
}
