import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { isConflict, isOutage } from './failures.ts';

const ATTEMPTS = 8;
/** Milliseconds; doubled with each attempt, and anything between nothing and that is waited. */
const FIRST_PAUSE = 20;
/** Connections that may turn out to be dead, one after the other, where they lay in the pool since before a restart. */
const DEAD_CONNECTIONS = 20;

/**
 * Runs a transaction again that left nothing behind: it lost against another one, or its connection broke before it was to
 * be committed. A database that is away is asked once more.
 */
export async function runAgain<T>(
  work: () => Promise<T>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<T> {
  let [conflicts, dead, away] = [0, 0, 0];
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (isConflict(error)) {
        if (++conflicts === ATTEMPTS) throw error;
        await pause(conflicts);
      } else if (error instanceof StoreUnavailable) {
        if (error.reason === 'busy' || ++away > 1) throw error;
        await pause(1);
      } else if (!isOutage(error) || ++dead > DEAD_CONNECTIONS) throw error;
    }
  }

  async function pause(attempt: number): Promise<void> {
    const part = Buffer.from(random.bytes(4)).readUInt32BE(0) / 2 ** 32;
    await clock.sleep(part * FIRST_PAUSE * 2 ** attempt);
  }
}
