import type { Clock } from '../../core/ports/clock.ts';
import type { Segment } from '../../core/ports/remote.ts';

/** Keeps small appends of one machine apart, so that what is written in between travels as one segment. */
export interface Pace {
  /** Waits for what is left of the interval since the last append; large segments wait for nothing. */
  wait(segment: Segment): Promise<void>;
  sent(): void;
}

/** A segment that nothing is gained for by waiting. */
const LARGE = { records: 32, bytes: 512 * 1024 };

export function createPace(clock: Clock, every: number): Pace {
  let last: number | null = null;
  return {
    async wait({ records, objects }) {
      if (last === null || records.length >= LARGE.records) return;
      const bytes = [...records.map(({ body }) => body), ...objects.map((object) => object.bytes)].reduce(
        (sum, { length }) => sum + length,
        0,
      );
      const left = every - (clock.now() - last);
      // A clock that jumped says nothing.
      if (bytes < LARGE.bytes && left > 0 && left <= every) await clock.sleep(left);
    },
    sent() {
      last = clock.now();
    },
  };
}
