import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '../core/ports/clock.ts';

export interface IdleMemory {
  /** Work was done that may have left garbage. Cheap. */
  touch(): void;
}

/** Quiet for so long, ms, and the next burst is probably not about to come. */
const QUIET = 1_500;
/** Bytes in use that are not worth a pause. An idle node needs about 20 MB of its own. */
const WORTH_IT = 32 * 1024 * 1024;
/** Nor are they where the last collection left nearly as many. */
const GROWN = 1.25;

/**
 * V8 collects garbage when it needs room, so a node that carried much and went idle would keep all of it for hours. This
 * lets go of caches and collects, some 30 ms, when a burst of work has ended. No timer runs while nothing happens.
 */
export function createIdleMemory(deps: {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Lets go of what only saves work. */
  readonly release?: () => void;
  readonly used?: () => number;
  readonly collect?: () => void;
}): IdleMemory {
  const { clock, signal, release, used = bytesInUse, collect = collectGarbage } = deps;
  let touched = 0;
  let waiting = false;
  let left = 0;

  const whenQuiet = async (): Promise<void> => {
    let seen: number;
    do {
      seen = touched;
      await clock.sleep(QUIET, signal);
    } while (seen !== touched && !signal.aborted);
    waiting = false;
    if (signal.aborted || used() <= Math.max(WORTH_IT, left * GROWN)) return;
    release?.();
    collect();
    left = used();
  };

  return {
    touch() {
      touched += 1;
      if (waiting || signal.aborted) return;
      waiting = true;
      void whenQuiet();
    },
  };
}

function bytesInUse(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

let gc: (() => void) | null = null;

function collectGarbage(): void {
  if (gc === null) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
  }
  gc();
  gc(); // what the first one found dead, the second gives back
}
