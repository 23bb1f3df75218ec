import { StoreUnavailable, type Store } from '../../core/ports/store.ts';
import type { Meter } from './meter.ts';

/**
 * Times transactions from when they were asked for, and counts those that wait or run: what a store's queue does to its
 * callers. Some 0.2 µs a transaction; not put around a store whose figures nobody asked for.
 *
 * @param elapsed milliseconds, never back
 */
export function meteredStore<S extends Store>(store: S, meter: Meter, elapsed: () => number): S {
  async function metered<T>(kind: 'read' | 'write', transact: () => Promise<T>): Promise<T> {
    const started = elapsed();
    meter.transactionsOpen.begin();
    try {
      return await transact();
    } catch (error) {
      if (error instanceof StoreUnavailable) meter.storeFailures.add(1, error.reason);
      throw error;
    } finally {
      meter.transactionsOpen.end();
      meter.transactions.observe((elapsed() - started) / 1000, kind);
    }
  }
  return {
    ...store,
    read: (work) => metered('read', () => store.read(work)),
    write: (work) => metered('write', () => store.write(work)),
  };
}
