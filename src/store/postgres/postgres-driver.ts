import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import type { CompiledQuery, DatabaseConnection, KyselyConfig, QueryResult, TransactionSettings } from 'kysely';
import type { DirectDriver } from '../direct-transactions.ts';
import { CommitUnclear, isConflict, isOutage } from './failures.ts';
import { toPlainText } from './plain-text.ts';
import type { Lent, PostgresPool } from './postgres-pool.ts';
import { transactionSettings } from './transaction-settings.ts';

/** Kysely over a pool, which it closes when it is destroyed. Everything has to run in transactions. */
export function createPostgresKysely<S>(pool: PostgresPool, schema: string): Kysely<S> {
  return new Kysely<S>(postgresKysely(createPostgresDriver(pool, schema)));
}

/** Kysely by way of a driver. */
export function postgresKysely(driver: DirectDriver): KyselyConfig {
  return {
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  };
}

/**
 * A driver over a pool, which it closes when it is destroyed. What transactions need is set in each.
 * Writing ones see what others committed up to each statement (`read committed`): what they read and decide by is
 * held by locks ({@link holdParts}). Reading ones see one moment. Nothing is kept in a session, and no statement is
 * prepared by name, so that a pooler may give each transaction another one.
 */
export function createPostgresDriver(pool: PostgresPool, schema: string): DirectDriver {
  const settings = transactionSettings(schema);
  const begin = {
    'read only': `begin isolation level repeatable read read only; ${settings}`,
    'read write': `begin isolation level read committed; ${settings}`,
  };
  return {
    init: async () => {},
    acquireConnection: async () => createConnection(await pool.acquire()),
    async releaseConnection(connection) {
      (connection as PostgresConnection).release();
    },
    async beginTransaction(connection, { accessMode }: TransactionSettings) {
      (connection as PostgresConnection).begin(begin[accessMode ?? 'read write']);
    },
    commitTransaction: (connection) => (connection as PostgresConnection).commit(),
    rollbackTransaction: (connection) => (connection as PostgresConnection).rollBack(),
    async transact(accessMode, work) {
      const connection = createConnection(await pool.acquire());
      try {
        connection.begin(begin[accessMode]);
        const result = await work(connection);
        await connection.commit();
        return result;
      } catch (error) {
        await connection.rollBack();
        throw error;
      } finally {
        connection.release();
      }
    },
    destroy: () => pool.close(),
  };
}

interface PostgresConnection extends DatabaseConnection {
  /** Goes along with the first statement, so that it is not waited for by itself. */
  begin(sql: string): void;
  commit(): Promise<void>;
  /** Never throws: whoever lends the connection next gets another one where it failed. */
  rollBack(): Promise<void>;
  release(): void;
}

function createConnection({ client, release, watch }: Lent): PostgresConnection {
  /** Why nobody else may have it: nobody knows what it is in the midst of. */
  let broken: Error | undefined;
  /** What is to be sent before the next statement. */
  let beginning: string | null = null;
  let isBegun = false;
  const breaks = (error: Error): void => {
    broken ??= error;
  };
  client.on('error', breaks);

  async function noting<T>(work: Promise<T>): Promise<T> {
    watch?.began();
    let isAnswer = true;
    try {
      return await work;
    } catch (error) {
      // After an error that the server sent, the connection goes on.
      isAnswer = !(error instanceof Error) || isSent(error);
      if (!isAnswer) breaks(error as Error);
      throw error;
    } finally {
      watch?.ended(isAnswer);
    }
  }

  /**
   * `null`: it is sent. Where it fails, the statement behind it does so as well for whoever asked, and finds no row: the rows'
   * security goes by what it sets.
   */
  function beginFirst(): Promise<unknown> | null {
    if (beginning === null) return null;
    const begun = noting(client.query(beginning));
    beginning = null;
    isBegun = true;
    return begun;
  }

  return {
    begin(sql) {
      beginning = sql;
      isBegun = false;
    },
    async commit() {
      if (!isBegun) return;
      isBegun = false;
      let said: string;
      try {
        said = (await noting(client.query('commit'))).command;
      } catch (error) {
        if (!isOutage(error)) throw error;
        throw new CommitUnclear('the connection broke while a transaction was committed', { cause: watch?.problem ?? error });
      }
      // Of a transaction in which something failed PostgreSQL commits nothing, and calls that no error.
      if (said !== 'COMMIT') throw new Error('a transaction went on behind a statement that failed, and was rolled back');
    },
    async rollBack() {
      if (!isBegun || broken !== undefined) return; // the server rolls back what it has no client for
      isBegun = false;
      await client.query('rollback').catch(breaks);
    },
    release() {
      client.off('error', breaks);
      release(broken);
    },
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const values = parameters.map((each) => (typeof each === 'string' ? toPlainText(each) : each));
      const [, { rows, rowCount }] = await Promise.all([beginFirst(), noting(client.query(sql, values))]);
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
