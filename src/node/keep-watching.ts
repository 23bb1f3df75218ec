import type { Clock } from '../core/ports/clock.ts';
import { pauseAfter, sayTrouble } from './disk-full.ts';
import type { FileTreeSource, WatchRound } from '../sources/file-tree/file-tree-source.ts';

/** Why a source does not watch now; `null` while it does. */
export interface WatchHealth {
  problem: string | null;
}

const FIRST_PAUSE = 1_000;
const LAST_PAUSE = 5 * 60_000;

/**
 * Watches until the signal aborts. What a source throws is a bug or the store's trouble: it is said in `health`, and the
 * source starts again after a pause that grows from a second to five minutes, or ten seconds where the disk is full. A round that went well ends the trouble.
 */
export async function keepWatching(
  source: Pick<FileTreeSource, 'watch'>,
  deps: {
    readonly clock: Clock;
    readonly health: WatchHealth;
    readonly onRound: (round: WatchRound) => void;
    readonly onFailure: (error: unknown, pause: number) => void;
  },
  signal: AbortSignal,
): Promise<void> {
  const { clock, health } = deps;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await source.watch((round) => {
        failures = 0;
        health.problem = null;
        deps.onRound(round);
      }, signal);
    } catch (error) {
      if (signal.aborted) return;
      const pause = pauseAfter(error, Math.min(LAST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures, 10)));
      failures += 1;
      health.problem = sayTrouble(error);
      deps.onFailure(error, pause);
      await clock.sleep(pause, signal);
    }
  }
}
