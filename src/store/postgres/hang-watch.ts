import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { describePostgres, type PostgresOptions } from './postgres-options.ts';
import { clientOptions } from './postgres-pool.ts';
import { socketThatKnows } from './known-greeting.ts';

/**
 * Notices a database that hangs: its connections stay open, and nothing comes back on any of them (its disk, its machine or the network
 * to it stopped). A statement by itself would be waited for as long as the slowest one may take.
 */
export interface HangWatch {
  /** Why nothing is to be asked of it now; `null`: it answers, as far as is known. */
  readonly problem: StoreUnavailable | null;
  /** Something is asked of it. To be followed by one {@link ended}. */
  began(): void;
  /** `isAnswer`: something came back for it, be it an error. */
  ended(isAnswer: boolean): void;
  /** This connection is cut off when it hangs, until it is closed: what was asked on it fails then. */
  cutsOff(connection: Cuttable): void;
  /** Calls back once when it is found to hang, until the function that it gives is called. */
  onHang(hear: (problem: StoreUnavailable) => void): () => void;
  /** Ends it. Idempotent. */
  close(): void;
}

export interface Cuttable {
  destroy(): void;
  once(event: 'close', heard: () => void): unknown;
}

/** Milliseconds without any answer after which it is looked at by a connection of its own; how long that has; and until the next look at one that hangs. */
const UNANSWERED = 1_500;
const LOOK = 3_500;
const AGAIN = 2_000;
/** Where this process itself stood still, answers may lie there unread. */
const UNREAD = 100;
const RETRY_AFTER = 2_000;
const REMEDY =
  'Look whether the database, its disk or the network to it hangs: it is asked again by itself, and clients come again meanwhile';

export interface HangHearing {
  /** Hears what becomes of {@link HangWatch.problem}. */
  readonly onHang?: (problem: StoreUnavailable | null) => void;
  /** Nothing comes back, and it is about to be looked at, for so many milliseconds at most. */
  readonly onSilent?: (limit: number) => void;
}

/** Nothing is asked while nothing is waited for. */
export function createHangWatch(options: PostgresOptions, { onHang, onSilent }: HangHearing = {}): HangWatch {
  const closing = new AbortController();
  const connections = new Set<Cuttable>();
  const listeners = new Set<(problem: StoreUnavailable) => void>();
  let problem: StoreUnavailable | null = null;
  let [waiting, answers] = [0, 0];
  let isRunning = false;

  const pause = (ms: number): Promise<unknown> => sleep(ms, undefined, { signal: closing.signal, ref: false }).catch(() => undefined); // closed

  function become(next: StoreUnavailable | null): void {
    if ((problem === null) === (next === null)) return;
    problem = next;
    onHang?.(next);
    if (next === null) return;
    for (const hear of [...listeners]) hear(next);
    for (const connection of [...connections]) connection.destroy();
  }

  /** As long as something is waited for, or it hangs. */
  async function run(): Promise<void> {
    for (let seen = answers; (waiting > 0 || problem !== null) && !closing.signal.aborted;) {
      await pause(problem === null ? UNANSWERED : AGAIN);
      if (closing.signal.aborted) return;
      if (problem === null && answers === seen && waiting > 0) {
        onSilent?.(LOOK);
        // What comes back on another connection meanwhile shows that it does not hang, however busy it is.
        if ((await isSilent()) && answers === seen) become(hanging());
      } else if (problem !== null && !(await isSilent())) become(null);
      seen = answers;
    }
  }

  /** Whether nothing comes back on a new connection. An error is an answer: whoever asks next is told of it. */
  async function isSilent(): Promise<boolean> {
    const { tls } = options;
    const socket = socketThatKnows(tls !== 'off');
    const client = new Client({ ...clientOptions(options), connectionTimeoutMillis: 0, query_timeout: 0, stream: () => socket });
    client.on('error', () => undefined); // of what is cut off below
    let isAnswered = false;
    const asked = client
      .connect()
      .then(() => client.query('select 1'))
      .catch(() => undefined)
      .then(() => (isAnswered = true));
    await Promise.race([asked, pause(LOOK)]);
    if (!isAnswered) await pause(UNREAD);
    const isAnswer = isAnswered;
    socket.destroy();
    return !isAnswer;
  }

  const hanging = (): StoreUnavailable =>
    new StoreUnavailable(
      'unreachable',
      `${describePostgres(options)} does not answer: nothing comes back on any connection, new ones included`,
      {
        retryAfter: RETRY_AFTER,
        remedy: REMEDY,
      },
    );

  return {
    get problem() {
      return problem;
    },
    began() {
      waiting += 1;
      if (isRunning || closing.signal.aborted) return;
      isRunning = true;
      void run().finally(() => (isRunning = false));
    },
    ended(isAnswer) {
      waiting -= 1;
      if (isAnswer) answers += 1;
    },
    cutsOff(connection) {
      connections.add(connection);
      connection.once('close', () => connections.delete(connection));
    },
    onHang(hear) {
      listeners.add(hear);
      return () => void listeners.delete(hear);
    },
    close: () => closing.abort(),
  };
}
