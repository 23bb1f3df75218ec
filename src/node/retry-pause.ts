import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import { RemoteError } from '../core/ports/remote.ts';
import { pauseAfter } from './disk-full.ts';

export const FIRST_RETRY = 1_000;
const LAST_RETRY = 5 * 60_000;

/** How long to wait before the next try, milliseconds. */
export interface Pause {
  readonly whole: number;
  /** Nothing but {@link RetryPause.end} comes before that. */
  readonly least: number;
}

/**
 * The pauses between tries that fail: from a second to five minutes, each about twice the one before; ten seconds at the most
 * where the disk is full. Where the remote said when to come again, that long. Pauses are slept, not compared with the clock, which may jump.
 */
export interface RetryPause {
  /** How many tries failed since one that did not. */
  readonly failures: number;
  /** A try failed: the pause that follows. */
  failed(error: unknown): Pause;
  /** Sleeps it, or until it is ended. */
  sleep(pause: Pause): Promise<void>;
  /** Something happened that may help: the pause ends, though not before its least. */
  shorten(): void;
  /** It is sure to be worth a try. */
  end(): void;
  /** A try worked, or what made them fail is over: pauses begin with the shortest again. */
  reset(): void;
}

export function createRetryPause(deps: { readonly clock: Clock; readonly random: Random; readonly stopped: AbortSignal }): RetryPause {
  const { clock, random, stopped } = deps;
  let failures = 0;
  let current: { readonly least: AbortController; readonly all: AbortController } | null = null;

  return {
    get failures() {
      return failures;
    },

    failed(error) {
      failures += 1;
      const hinted = error instanceof RemoteError ? error.retryAfter : undefined;
      if (hinted !== undefined) {
        const asked = Math.max(hinted, FIRST_RETRY);
        return { whole: asked, least: asked };
      }
      const jitter = 0.75 + Buffer.from(random.bytes(1)).readUInt8(0) / 512;
      const whole = pauseAfter(error, Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(failures - 1, 10) * jitter));
      return { whole, least: Math.min(whole, FIRST_RETRY) };
    },

    async sleep({ whole, least }) {
      const ends = { least: new AbortController(), all: new AbortController() };
      current = ends;
      const ended = AbortSignal.any([ends.all.signal, stopped]);
      await clock.sleep(least, ended);
      if (whole > least) await clock.sleep(whole - least, AbortSignal.any([ends.least.signal, ended]));
      current = null;
    },

    shorten: () => current?.least.abort(),
    end: () => current?.all.abort(),
    reset() {
      failures = 0;
    },
  };
}
