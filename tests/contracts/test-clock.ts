import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../src/core/ports/clock.ts';

/** Time that a test moves; sleeping takes real time, so that pollers poll. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function createTestClock(start = 1_750_000_000_000): TestClock {
  let now = start;
  return {
    now: () => now,
    advance(ms) {
      now += ms;
    },
    async sleep(ms, signal) {
      try {
        await delay(ms, undefined, signal === undefined ? {} : { signal });
      } catch (error) {
        if (!signal?.aborted) throw error;
      }
    },
  };
}
