import type { Clock } from '../core/ports/clock.ts';
import type { Remote } from '../core/ports/remote.ts';
import { backfill } from '../core/replica/late-join.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { inSmallHeap } from './small-heap.ts';

const PAUSE = 20;

export interface BackfillLoopDeps {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: HubLog;
  readonly connected: () => Promise<Remote>;
  readonly apply: () => Promise<void>;
  readonly stopped: AbortSignal;
}

/** History from before a checkpoint comes in the background, a page at a time. */
export interface BackfillLoop {
  /** Resolves when no more is to be had now; never rejects. `null` while it does not run. */
  readonly running: Promise<void> | null;
  start(): void;
}

export function createBackfillLoop(deps: BackfillLoopDeps): BackfillLoop {
  const { replica, clock, log, stopped } = deps;
  let running: Promise<void> | null = null;

  async function work(): Promise<void> {
    while (!stopped.aborted) {
      const result = await backfill(replica, await deps.connected());
      if (result === 'mismatch') log.error({}, 'the checkpoint that this machine began with was wrong; its state was derived from the log');
      // The sync before saw no divergence: the home was restored since, as the next one says, or it shows two histories.
      if (result === 'diverged') log.error({}, 'the home shows another history than the one that this machine began behind');
      // Who wrote what is known now, which consent asks for.
      if (result === 'done' || result === 'mismatch') await deps.apply();
      if (result !== 'more') return;
      await clock.sleep(PAUSE, stopped);
    }
  }

  return {
    get running() {
      return running;
    },
    start() {
      running ??= inSmallHeap(work)
        .catch((error: unknown) =>
          log.warn({ error: error instanceof Error ? error.message : String(error) }, 'history could not be fetched now'),
        )
        .finally(() => {
          running = null;
        });
    },
  };
}
