import type { Clock } from '../../core/ports/clock.ts';
import type { TreeChange } from '../../core/ports/files.ts';
import type { TreeLimits } from './rules.ts';

/** Collects changes and hands them on in quiet moments. */
export interface ChangeQueue {
  push(change: TreeChange): void;
  /** Ends the waiting without a change: what it was to last is another now. */
  wake(): void;
  /** All that waits, at once; `null` paths: everything. */
  take(): { readonly paths: readonly string[] | null };
  /**
   * Resolves when something changed and nothing more did for `quietMs` (`busyMs` at the latest), or after `idleMs`.
   * `null` paths: everything. No timer runs but the one for `idleMs` while nothing changes.
   */
  next(idleMs: number, signal: AbortSignal): Promise<'idle' | { readonly paths: readonly string[] | null }>;
}

export function createChangeQueue(clock: Clock, limits: Pick<TreeLimits, 'quietMs' | 'busyMs'>): ChangeQueue {
  let paths = new Set<string>();
  let all = false;
  let changes = 0;
  let wake: (() => void) | null = null;

  const waitForChange = async (idleMs: number, signal: AbortSignal): Promise<void> => {
    if (changes > 0 || signal.aborted) return;
    const timer = new AbortController();
    const stop = (): void => timer.abort(null);
    signal.addEventListener('abort', stop, { once: true });
    const changed = new Promise<void>((resolve) => (wake = resolve));
    try {
      await Promise.race([changed, clock.sleep(idleMs, timer.signal)]);
    } finally {
      wake = null;
      timer.abort(null);
      signal.removeEventListener('abort', stop);
    }
  };

  const take = (): { readonly paths: readonly string[] | null } => {
    const taken = all ? null : [...paths];
    paths = new Set();
    all = false;
    changes = 0;
    return { paths: taken };
  };

  return {
    push(change) {
      changes += 1;
      if (change.type === 'all') all = true;
      else for (const path of change.paths) paths.add(path);
      wake?.();
    },
    wake: () => wake?.(),
    async next(idleMs, signal) {
      await waitForChange(idleMs, signal);
      if (changes === 0 || signal.aborted) return 'idle';
      let waited = 0;
      let seen = -1;
      while (seen !== changes && waited < limits.busyMs && !signal.aborted) {
        seen = changes;
        await clock.sleep(limits.quietMs, signal);
        waited += limits.quietMs;
      }
      return changes === 0 ? 'idle' : take(); // `take` may have been faster
    },
    take,
  };
}
