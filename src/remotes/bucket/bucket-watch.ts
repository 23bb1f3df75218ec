import type { SpaceId } from '../../core/ids.ts';
import type { Head } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';

interface WatchDeps {
  readonly headOf: (space: SpaceId) => Promise<Head | null>;
  readonly clock: Clock;
  readonly batchEvery: number;
  /** Wakes those who sleep when this process appended: what others write next is often an answer. */
  readonly onActivity: (wake: () => void) => () => void;
  readonly closed: AbortSignal;
}

/** Looks get rarer, up to so many batch intervals. */
const SLOWEST = 15;
/** So many looks in vain make them rarer by one interval. */
const PATIENCE = 8;

/** Asks for the heads until `signal` aborts: each batch interval while something happens, and less and less often while nothing does. */
export async function watchHeads(
  spaces: readonly SpaceId[],
  onHead: (space: SpaceId, head: Head | null) => void,
  signal: AbortSignal,
  { headOf, clock, batchEvery, onActivity, closed }: WatchDeps,
): Promise<void> {
  const seen = new Map<SpaceId, string>();
  let quiet = 0;
  let wake = new AbortController();
  const stop = (): void => wake.abort();
  const forget = onActivity(() => {
    quiet = 0;
    wake.abort();
  });
  signal.addEventListener('abort', stop);
  closed.addEventListener('abort', stop);
  try {
    while (!signal.aborted) {
      wake = new AbortController();
      quiet += 1;
      for (const space of new Set(spaces)) {
        const head = await headOf(space);
        const key = head === null ? '' : head.hash;
        if (signal.aborted || seen.get(space) === key) continue;
        seen.set(space, key);
        quiet = 0;
        onHead(space, head);
      }
      const intervals = Math.min(SLOWEST, 1 + Math.floor(quiet / PATIENCE));
      if (!signal.aborted) await clock.sleep(batchEvery * intervals, wake.signal);
    }
  } finally {
    forget();
    signal.removeEventListener('abort', stop);
    closed.removeEventListener('abort', stop);
  }
}
