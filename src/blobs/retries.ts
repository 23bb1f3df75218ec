import { setMaxListeners } from 'node:events';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import { RemoteError } from '../core/ports/remote.ts';

/** What a driver makes of an error: how it is called, and whether another attempt may fare better. */
export interface Judgement {
  readonly error: Error;
  readonly again: boolean;
}

export interface Retries {
  /**
   * Attempts until one succeeds, one fails for good, or patience ends: then that failure is thrown. `bytes` travel in each
   * attempt, and those that it turns out to bring. The signal aborts when it has taken too long.
   */
  run<T>(bytes: number, attempt: Attempt<T>): Promise<T>;
  /** Cuts off what is under way, and lets nothing begin: a store that is silent holds nobody who ends. What was asked fails as `unreachable`. */
  close(): void;
}

/** `bring`: so many bytes are on their way, which takes its time. */
export type Attempt<T> = (signal: AbortSignal, bring: (bytes: number) => void) => Promise<T>;

export interface RetryOptions {
  readonly attempts: number;
  /** Milliseconds: the pause before attempt n+1 is anything below `firstPause` · 2ⁿ and `longestPause`. */
  readonly firstPause: number;
  readonly longestPause: number;
  /** Milliseconds after the beginning from which on no attempt begins. */
  readonly patience: number;
  /** Milliseconds that an attempt may take before its first byte counts, and bytes a millisecond that it must make. */
  readonly attemptTime: number;
  readonly leastSpeed: number;
  /** Attempts at one time; others wait for their turn. */
  readonly parallel: number;
}

export const RETRIES: RetryOptions = {
  attempts: 8,
  firstPause: 100,
  longestPause: 10_000,
  patience: 60_000,
  attemptTime: 20_000,
  leastSpeed: 100,
  parallel: 32,
};

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly judge: (error: unknown) => Judgement;
  readonly options?: Partial<RetryOptions>;
}

/** Pauses have full jitter, so that many who failed together do not come back together; what a server asked for is waited out. */
export function createRetries({ clock, random, judge, options }: RetryDeps): Retries {
  const { attempts, firstPause, longestPause, patience, attemptTime, leastSpeed, parallel } = { ...RETRIES, ...options };

  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for each attempt, and each pause
  const waiting: (() => void)[] = [];
  let running = 0;

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running < parallel) running++;
    else await new Promise<void>((resolve) => waiting.push(resolve)); // takes over the place of one that ended
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  }

  async function bounded<T>(bytes: number, attempt: Attempt<T>): Promise<T> {
    if (closing.signal.aborted) throw closed();
    const [late, over] = [new AbortController(), new AbortController()];
    const cutOff = (): void => late.abort();
    closing.signal.addEventListener('abort', cutOff);
    let limit = attemptTime + bytes / leastSpeed;
    const bring = (more: number): void => {
      limit += more / leastSpeed;
    };
    const timer = (async () => {
      for (let waited = 0; waited < limit && !over.signal.aborted;) {
        const rest = limit - waited;
        await clock.sleep(rest, over.signal);
        waited += rest;
      }
      if (!over.signal.aborted) late.abort();
    })();
    try {
      return await attempt(late.signal, bring);
    } catch (error) {
      if (!late.signal.aborted) throw error;
      if (closing.signal.aborted) throw closed();
      throw new RemoteError('unreachable', `no answer within ${Math.ceil(limit / 1000)} s`, { cause: error });
    } finally {
      closing.signal.removeEventListener('abort', cutOff);
      over.abort();
      await timer;
    }
  }

  return {
    async run(bytes, attempt) {
      const end = clock.now() + patience;
      for (let count = 1; ; count++) {
        try {
          return await inTurn(() => bounded(bytes, attempt));
        } catch (thrown) {
          const { error, again } = judge(thrown);
          const asked = error instanceof RemoteError ? (error.retryAfter ?? 0) : 0;
          const pause = asked + fraction(random) * Math.min(longestPause, firstPause * 2 ** (count - 1));
          if (!again || count === attempts || clock.now() + pause > end || closing.signal.aborted) throw error;
          await clock.sleep(pause, closing.signal);
        }
      }
    },
    close: () => closing.abort(),
  };
}

const closed = (): RemoteError => new RemoteError('unreachable', 'it was asked no longer, since this process ends');

/** 0 to 1. */
function fraction(random: Random): number {
  return Buffer.from(random.bytes(4)).readUInt32BE(0) / 2 ** 32;
}
