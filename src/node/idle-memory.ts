import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '../core/ports/clock.ts';
import { trimMalloc } from './trim-malloc.ts';

export interface IdleMemory {
  /** Work was done that may have left garbage. Cheap. */
  touch(): void;
  /** The same of work that takes a while: nothing is let go of in the midst of it. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing of it runs any more, soon after the signal aborted. */
  ended(): Promise<void>;
}

/** Quiet for so long, ms, and the next burst is probably not about to come. */
const QUIET = 3_000;
/** Quiet for so much longer, ms, and V8 shrinks its room for new objects too: it goes by what was made in the last five seconds. */
const CALM = 10_000;
/** Bytes in use that are not worth a pause. An idle node needs about 20 MB of its own. */
const WORTH_IT = 32 * 1024 * 1024;
/** Nor are they where the last collection left nearly as many. */
const GROWN = 1.25;
/** The same of bytes held, where nothing has followed: that is asked once a burst. */
const GROWN_HELD = 1.1;

/**
 * V8 collects garbage when it needs room, so a node that carried much and went idle would keep all of it for hours. This
 * lets go of caches and collects, some 30 ms, when a burst of work has ended, and once more when nothing has followed: what
 * was collected in the midst of a burst says little, and the second time some 10 MB go that V8 kept for the next objects.
 * No timer runs while nothing happens.
 */
export function createIdleMemory(deps: {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Lets go of what only saves work. Must not throw. */
  readonly release?: () => Promise<void>;
  /** Bytes in use, and those held for use. */
  readonly usage?: () => { readonly used: number; readonly held: number };
  /** `isCalm`: nothing has followed, so that it may take longer. */
  readonly collect?: (isCalm: boolean) => void;
}): IdleMemory {
  const { clock, signal, release, usage = heapUsage, collect = collectGarbage } = deps;
  let touched = 0;
  let underway = 0;
  let waiting = false;
  let running: Promise<void> = Promise.resolve();
  /** In use after the last collection. */
  let left = 0;
  /** Held after the last one that nothing followed. */
  let settled = 0;

  const letGo = async (isCalm: boolean): Promise<void> => {
    await release?.();
    collect(isCalm);
    left = usage().used;
  };

  /** Whether nothing was done for so long. */
  const rest = async (ms: number): Promise<boolean> => {
    const seen = touched;
    await clock.sleep(ms, signal);
    return (seen === touched && underway === 0) || signal.aborted;
  };

  const whenQuiet = async (): Promise<void> => {
    do {
      while (!(await rest(QUIET)));
      if (!signal.aborted && usage().used > Math.max(WORTH_IT, left * GROWN)) await letGo(false);
    } while (!(await rest(CALM)));
    waiting = false;
    if (signal.aborted || usage().held <= settled * GROWN_HELD) return;
    await letGo(true);
    settled = usage().held;
  };

  const touch = (): void => {
    touched += 1;
    if (waiting || signal.aborted) return;
    waiting = true;
    running = running.then(whenQuiet);
  };

  return {
    touch,
    async during(work) {
      underway += 1;
      touch();
      try {
        return await work();
      } finally {
        underway -= 1;
        touch();
      }
    },
    ended: () => running,
  };
}

function heapUsage(): { readonly used: number; readonly held: number } {
  const { heapUsed, external, rss } = process.memoryUsage();
  return { used: heapUsed + external, held: rss };
}

let gc: (() => void) | null = null;

/** Moved together, what is in use leaves whole pages, which are given back: 6 to 13 MB of a node's. It takes V8 twice the CPU, some 20 ms more. */
const COMPACT = 'compact-on-every-full-gc';
/** Of V8 in Node 20. An unknown flag it names on stderr, each time. */
const IS_COMPACTING = Number.parseInt(process.versions.v8, 10) < 12;

function collectGarbage(isCalm: boolean): void {
  if (gc === null) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
  }
  const compacts = isCalm && IS_COMPACTING;
  if (compacts) setFlagsFromString(`--${COMPACT}`);
  gc();
  gc(); // what the first one found dead, the second gives back
  if (compacts) setFlagsFromString(`--no-${COMPACT}`);
  trimMalloc();
}
