import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';

/** This machine's clock. Sleeps of more than 24 days end early. */
export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    async sleep(ms, signal) {
      try {
        await delay(Math.min(ms, LONGEST_DELAY), undefined, signal === undefined ? {} : { signal });
      } catch (error) {
        if (signal?.aborted !== true) throw error;
      }
    },
  };
}

/** Longer timers would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** The operating system's randomness. */
export function createSystemRandom(): Random {
  return { bytes: (length) => randomBytes(length) };
}
