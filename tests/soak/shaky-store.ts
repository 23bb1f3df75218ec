import { setTimeout as sleep } from 'node:timers/promises';
import { startS3Double, type Fault, type S3Double } from '../doubles/s3-double.ts';
import type { createSeededRandom } from '../doubles/seeded-random.ts';

/** What befalls requests, and how many of a thousand. A silence lasts until the client gives up, after 20 seconds. */
const FAULTS: readonly (readonly [Fault, number])[] = [
  ['500', 20],
  ['503-slow-down', 15],
  ['500-done', 10],
  ['drop', 10],
  ['drop-done', 10],
  ['drop-half', 10],
  ['drop-late', 5],
  ['slow', 20],
  ['silence', 1],
  ['silence-done', 1],
];

export interface ShakyStore {
  readonly double: S3Double;
  /** From now on nothing goes wrong, or things go wrong again. */
  isShaky: boolean;
  /** Answers everything with errors for so many milliseconds. */
  fail(ms: number): Promise<void>;
  /** Requests to which something was done, by what. */
  readonly counts: ReadonlyMap<Fault, number>;
}

/** An S3 store (a double) that errs, breaks off, dawdles or says nothing at random, once it is told to. */
export async function startShakyStore(random: ReturnType<typeof createSeededRandom>): Promise<ShakyStore> {
  const counts = new Map<Fault, number>();
  let isDown = false;
  const fault = (): Fault | null => {
    if (isDown) return random.chance(0.5) ? '500' : '503-slow-down';
    if (!store.isShaky) return null;
    let at = random.below(1_000);
    return FAULTS.find(([, share]) => (at -= share) < 0)?.[0] ?? null;
  };
  const double = await startS3Double({
    fault() {
      const chosen = fault();
      if (chosen !== null) counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
      return chosen;
    },
  });
  const store: ShakyStore = {
    double,
    isShaky: false,
    counts,
    async fail(ms) {
      isDown = true;
      await sleep(ms);
      isDown = false;
    },
  };
  return store;
}
