import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { isConflict } from './failures.ts';

const ATTEMPTS = 8;
/** Milliseconds; doubled with each attempt, and anything between nothing and that is waited. */
const FIRST_PAUSE = 20;

/** Runs a transaction again that lost against another one. It left nothing behind. */
export async function runAgain<T>(
  work: () => Promise<T>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
      const part = Buffer.from(random.bytes(4)).readUInt32BE(0) / 2 ** 32;
      await clock.sleep(part * FIRST_PAUSE * 2 ** attempt);
    }
  }
}
