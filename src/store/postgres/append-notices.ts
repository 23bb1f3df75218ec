import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { bytesToHex } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { PostgresOptions } from './postgres-options.ts';
import { clientOptions } from './postgres-pool.ts';
import { quoted } from './transaction-settings.ts';

/** Milliseconds. */
const PROOF_TIMEOUT = 5_000;
const PROVE_EVERY = 30_000;
const RETRY_AFTER = 1_000;
/** Payloads are 8,000 bytes at most, a name is 69 (`FEED_NAME`). */
const NAMES_PER_NOTICE = 100;
/** Of a log: its space's id. */
const LOG_NAME = /^[0-9a-f]{64}$/;
/** Of a feed: a hash of what it is called, which may be long, and is nobody's business who may listen. */
const FEED_NAME = /^feed:[0-9a-f]{64}$/;

/**
 * What the processes on one database tell each other: which log, or feed, got longer. It is told apart from the transaction that
 * did it, many at once, since PostgreSQL commits one by one what notifies in itself. So a notice may be lost: whoever
 * listens looks for itself now and then as well, often where nothing can be heard.
 */
export interface AppendNotices {
  /** Says, soon, that something was appended to this log or feed. */
  announce(name: string): void;
  /**
   * Until `signal` aborts: `onMoved` is called for what others announce; `onHearing` when that can be relied on (anything may
   * have moved before), and when not any more, with the reason.
   */
  listen(
    handlers: { readonly onMoved: (name: string) => void; readonly onHearing: (deafness: string | null) => void },
    signal: AbortSignal,
  ): Promise<void>;
}

export interface AppendNoticesDeps {
  readonly options: PostgresOptions;
  readonly clock: Clock;
  readonly random: Random;
  /** Runs one statement on any connection. */
  readonly run: (sql: string, values: readonly unknown[]) => Promise<void>;
}

export function createAppendNotices({ options, clock, random, run }: AppendNoticesDeps): AppendNotices {
  const channel = `satchel_${createHash('sha256').update(options.schema).digest('hex').slice(0, 16)}`;
  const self = bytesToHex(random.bytes(8));
  const waiting = new Set<string>();
  let isSending = false;

  async function send(): Promise<void> {
    if (isSending) return;
    isSending = true;
    while (waiting.size > 0) {
      const names = [...waiting].slice(0, NAMES_PER_NOTICE);
      for (const name of names) waiting.delete(name);
      try {
        await run('select pg_notify($1, $2)', [channel, [self, ...names].join(' ')]);
      } catch {
        waiting.clear(); // others look for themselves, as whenever a notice is lost
      }
    }
    isSending = false;
  }

  /** Resolves when the connection ended, with the reason. */
  async function hear(
    client: Client,
    { onMoved, onHearing }: Parameters<AppendNotices['listen']>[0],
    signal: AbortSignal,
  ): Promise<string> {
    let proven = (): void => undefined;
    const ended = new Promise<string>((resolve) => {
      client.on('error', (error: Error) => resolve(error.message));
      client.on('end', () => resolve('the connection ended'));
      signal.addEventListener('abort', () => resolve('stopped'), { once: true });
    });
    const proof = bytesToHex(random.bytes(8));
    client.on('notification', ({ payload = '' }) => {
      const [from, ...names] = payload.split(' ');
      if (from === 'proof' && names[0] === proof) proven();
      else if (from !== self) for (const name of names) if (LOG_NAME.test(name) || FEED_NAME.test(name)) onMoved(name);
    });
    const listening = client.connect().then(() => client.query(`listen ${quoted(channel)}`));
    const early = await Promise.race([listening, ended]);
    if (typeof early === 'string') {
      listening.catch(() => undefined); // it ended for that reason
      return early;
    }
    for (;;) {
      // By way of another connection, as all notices come: behind a pooler that listens for nobody, none does.
      const heard = new Promise<boolean>((resolve) => (proven = () => resolve(true)));
      await run('select pg_notify($1, $2)', [channel, `proof ${proof}`]);
      const answer = await Promise.race([heard, ended, clock.sleep(PROOF_TIMEOUT, signal).then(() => false)]);
      if (typeof answer === 'string') return answer;
      if (!answer) return 'notifications do not arrive: a pooler between may not pass them on';
      onHearing(null);
      const over = await Promise.race([ended, clock.sleep(PROVE_EVERY, signal)]);
      if (typeof over === 'string') return over;
    }
  }

  return {
    announce(name) {
      waiting.add(name);
      void send();
    },
    async listen(handlers, signal) {
      while (!signal.aborted) {
        const client = new Client(clientOptions(options));
        // What waits for its end goes with it: there is a new one every second while the database is away.
        const over = new AbortController();
        const reason = await hear(client, handlers, AbortSignal.any([signal, over.signal])).catch((error: unknown) =>
          error instanceof Error ? error.message : String(error),
        );
        over.abort();
        client.end().catch(() => undefined); // it is gone already
        if (signal.aborted) return;
        handlers.onHearing(reason);
        await clock.sleep(RETRY_AFTER * (1 + (random.bytes(1)[0] ?? 0) / 128), signal);
      }
    },
  };
}
