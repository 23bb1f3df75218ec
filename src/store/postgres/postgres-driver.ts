import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, Kysely } from 'kysely';
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult, TransactionSettings } from 'kysely';
import { CommitUnclear, isConflict, isOutage } from './failures.ts';
import { toPlainText } from './plain-text.ts';
import type { Lent, PostgresPool } from './postgres-pool.ts';
import { transactionSettings } from './transaction-settings.ts';

/** Kysely over a pool, which it closes when it is destroyed. Everything has to run in transactions: what they need is set in each. */
export function createPostgresKysely<S>(pool: PostgresPool, schema: string): Kysely<S> {
  return new Kysely<S>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => createPostgresDriver(pool, schema),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

/**
 * Writing transactions see what others committed up to each statement (`read committed`): what they read and decide by is
 * held by locks ({@link holdParts}). Reading ones see one moment. Nothing is kept in a session, and no statement is
 * prepared by name, so that a pooler may give each transaction another one.
 */
function createPostgresDriver(pool: PostgresPool, schema: string): Driver {
  const settings = transactionSettings(schema);
  const begin = {
    read: `begin isolation level repeatable read read only; ${settings}`,
    write: `begin isolation level read committed; ${settings}`,
  };
  const run = (connection: DatabaseConnection, sql: string): Promise<void> => (connection as PostgresConnection).run(sql);
  return {
    init: async () => {},
    acquireConnection: async () => createConnection(await pool.acquire()),
    async releaseConnection(connection) {
      (connection as PostgresConnection).release();
    },
    beginTransaction: (connection, { accessMode }: TransactionSettings) =>
      run(connection, accessMode === 'read only' ? begin.read : begin.write),
    async commitTransaction(connection) {
      try {
        await run(connection, 'commit');
      } catch (error) {
        throw isOutage(error) ? new CommitUnclear('the connection broke while a transaction was committed', { cause: error }) : error;
      }
    },
    async rollbackTransaction(connection) {
      await (connection as PostgresConnection).rollBack();
    },
    destroy: () => pool.close(),
  };
}

interface PostgresConnection extends DatabaseConnection {
  run(sql: string): Promise<void>;
  rollBack(): Promise<void>;
  release(): void;
}

function createConnection({ client, release }: Lent): PostgresConnection {
  /** Why nobody else may have it: nobody knows what it is in the midst of. */
  let broken: Error | undefined;
  const breaks = (error: Error): void => {
    broken ??= error;
  };
  client.on('error', breaks);

  async function noting<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      // After an error that the server sent, the connection goes on.
      if (error instanceof Error && !isSent(error)) breaks(error);
      throw error;
    }
  }

  return {
    async run(sql) {
      await noting(client.query(sql));
    },
    async rollBack() {
      if (broken !== undefined) return; // the server rolls back what it has no client for
      await noting(client.query('rollback'));
    },
    release() {
      client.off('error', breaks);
      release(broken);
    },
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const values = parameters.map((each) => (typeof each === 'string' ? toPlainText(each) : each));
      const { rows, rowCount } = await noting(client.query(sql, values));
      return { rows: rows as R[], numAffectedRows: BigInt(rowCount ?? 0) };
    },
    streamQuery(): AsyncIterableIterator<never> {
      throw new Error('rows are not streamed from PostgreSQL');
    },
  };
}

function isSent(error: Error): boolean {
  return isConflict(error) || ('severity' in error && error.severity === 'ERROR');
}
