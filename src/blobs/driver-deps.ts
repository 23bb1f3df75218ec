import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import type { RetryOptions } from './retries.ts';

export interface DriverDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Where not as usual. */
  readonly retries?: Partial<RetryOptions>;
}
