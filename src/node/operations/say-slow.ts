import type { Clock } from '../../core/ports/clock.ts';

/** Milliseconds: whoever waits longer wonders what for. */
const SILENT = 2_000;

/** Does `work`, and says `line` where that takes longer than somebody waits without wondering. */
export async function sayWhereSlow<T>(
  { clock, say }: { readonly clock: Pick<Clock, 'sleep'>; readonly say: (line: string) => void },
  line: string,
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  void (async () => {
    await clock.sleep(SILENT, done.signal);
    if (!done.signal.aborted) say(line);
  })();
  try {
    return await work();
  } finally {
    done.abort();
  }
}
