import type { Socket } from 'node:net';
import { Pool, type ClientConfig, type CustomTypesConfig, type PoolClient, type QueryConfig } from 'pg';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { columnValues } from './column-values.ts';
import { explainConnecting } from './failures.ts';
import type { Cuttable, HangWatch } from './hang-watch.ts';
import { socketThatKnows } from './known-greeting.ts';
import type { PostgresOptions } from './postgres-options.ts';

/** Milliseconds. */
const CONNECT_TIMEOUT = 10_000;
/** Of one statement; one that takes longer hangs. */
const QUERY_TIMEOUT = 60_000;
const IDLE_TIMEOUT = 60_000;
const CONNECTIONS = 10;
/** Milliseconds that the other end has to close a connection that was ended. */
const GOODBYE = 1_000;
/** Transactions that wait, for each connection. */
const QUEUE_PER_CONNECTION = 32;
const BUSY_RETRY = 1_000;

/** A bounded number of connections, and a bounded number of those who wait for one. */
export interface PostgresPool {
  /** Throws {@link StoreUnavailable} where too many wait, or where the database cannot be reached, and says why. */
  acquire(): Promise<Lent>;
  /** Runs one statement that is no part of a transaction, and gives nothing back. */
  runAlone(sql: string, values?: readonly unknown[], timeout?: number): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface Lent {
  readonly client: PoolClient;
  /** To be told of each statement. */
  readonly watch: HangWatch | null;
  /** Closed instead where it is `broken`. */
  readonly release: (broken: Error | undefined) => void;
}

/** `watch`: while it says that the database hangs, nothing is asked. It is closed by who made it. */
export function createPostgresPool(options: PostgresOptions, watch: HangWatch | null = null): PostgresPool {
  const { connections = CONNECTIONS } = options;
  const { queue = connections * QUEUE_PER_CONNECTION } = options;
  const sockets = new Set<Socket>();
  // From its beginning on: one that is still being made has nobody else to end it soon.
  const stream = (): Socket => {
    const socket = socketThatKnows(options.tls !== 'off');
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    watch?.cutsOff(socket);
    return socket;
  };
  // What is asked next is sent before the answer to what was asked before: they come in order.
  const pool = new Pool({ ...clientOptions(options), stream, max: connections, idleTimeoutMillis: IDLE_TIMEOUT, pipeline: true });
  // Of connections that lie idle: the next transaction gets another one, or says what is wrong.
  pool.on('error', ignored);
  if (watch !== null) pool.on('connect', (client) => watch.cutsOff(streamOf(client)));
  /** Who has a connection, and who waits for one. */
  let asking = 0;
  let closed: Promise<void> | undefined;

  /** A connection that comes too late goes back unused. */
  function connect(): Promise<PoolClient> {
    if (watch === null) return pool.connect();
    if (watch.problem !== null) return Promise.reject(watch.problem);
    return new Promise<PoolClient>((resolve, reject) => {
      let isOver = false;
      const end = (isAnswer: boolean): boolean => {
        if (isOver) return false;
        isOver = true;
        stopHearing();
        watch.ended(isAnswer);
        return true;
      };
      const stopHearing = watch.onHang((problem) => {
        if (end(false)) reject(problem);
      });
      watch.began();
      pool.connect().then(
        (client) => (end(false) ? resolve(client) : client.release()),
        (error: unknown) => {
          if (end(!isTimeout(error))) reject(error as Error);
        },
      );
    });
  }

  /** A database that hangs never closes its end: connections that nobody uses any more would keep the process. */
  async function end(): Promise<void> {
    await pool.end();
    setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, GOODBYE).unref();
  }

  return {
    async acquire() {
      if (asking >= connections + queue)
        throw new StoreUnavailable('busy', `more than ${queue} transactions wait for the database`, { retryAfter: BUSY_RETRY });
      asking += 1;
      try {
        const client = await connect();
        return {
          client,
          watch,
          release(broken) {
            asking -= 1;
            client.release(broken);
          },
        };
      } catch (error) {
        asking -= 1;
        throw explainConnecting(error, options);
      }
    },
    async runAlone(sql, values = [], timeout = QUERY_TIMEOUT) {
      if (watch !== null && watch.problem !== null) throw watch.problem;
      await pool.query({ text: sql, values: [...values], query_timeout: timeout } as QueryConfig);
    },
    close: () => (closed ??= end()),
  };
}

/**
 * Where none was given. Without any, pg would look for one in the environment and in files itself; and where a server asked
 * for it all the same, leave the connection open, so that the process never ends.
 */
const NO_PASSWORD = 'none was given';

/** What a connection of its own is made with. */
export function clientOptions(options: PostgresOptions): ClientConfig {
  const { host, port, database, user, password, tls, authorities } = options;
  return {
    host,
    port,
    database,
    user,
    password: password ?? NO_PASSWORD,
    ssl: tls === 'off' ? false : { rejectUnauthorized: tls === 'verified', ...(authorities === undefined ? {} : { ca: authorities }) },
    stream: () => socketThatKnows(tls !== 'off'),
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    query_timeout: QUERY_TIMEOUT,
    keepAlive: true,
    application_name: 'satchel',
    types: columnValues as CustomTypesConfig,
  };
}

/** It was waited for in vain: no answer of the database. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && /timeout/i.test(error.message);
}

function ignored(): void {}

/** With TLS it is another one than the socket below. */
function streamOf(client: PoolClient): Cuttable {
  return (client as unknown as { readonly connection: { readonly stream: Cuttable } }).connection.stream;
}
