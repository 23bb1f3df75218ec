import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';

/** This machine's clock. Sleeps of more than 24 days end early. */
export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    // Not that of node:timers/promises, which makes an error with its stack for each sleep that is ended early: most are.
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const end = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', end);
          resolve();
        };
        const timer = setTimeout(end, Math.min(ms, LONGEST_DELAY));
        signal?.addEventListener('abort', end, { once: true });
      }),
  };
}

/** Longer timers would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** Milliseconds with fractions, from anywhere on: to measure how long something took. Never goes back. */
export function createElapsed(): () => number {
  return () => performance.now();
}

/** The operating system's randomness. */
export function createSystemRandom(): Random {
  return { bytes: (length) => randomBytes(length) };
}
