import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Segment } from '../../core/ports/remote.ts';

/** Keeps small appends of one machine apart, so that what is written in between travels as one segment. */
export interface Pace {
  /** Waits for what is left of the interval since the last append; large segments wait for nothing. */
  wait(segment: Segment): Promise<void>;
  /** Objects went ahead of their segment. */
  brought(objects: readonly SealedObject[]): void;
  sent(): void;
}

/** A segment that nothing is gained for by waiting. */
const LARGE = { records: 32, bytes: 512 * 1024 };

export function createPace(clock: Clock, every: number): Pace {
  let last: number | null = null;
  let ahead = 0;
  return {
    async wait({ records, objects }) {
      const size = ahead + bytesOf(objects) + records.reduce((sum, { body }) => sum + body.length, 0);
      if (last === null || records.length >= LARGE.records || size >= LARGE.bytes) return;
      const left = every - (clock.now() - last);
      // A clock that jumped says nothing.
      if (left > 0 && left <= every) await clock.sleep(left);
    },
    brought(objects) {
      ahead += bytesOf(objects);
    },
    sent() {
      last = clock.now();
      ahead = 0;
    },
  };
}

function bytesOf(objects: readonly SealedObject[]): number {
  return objects.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
