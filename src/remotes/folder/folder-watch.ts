import { watch as watchDirectory, type FSWatcher } from 'node:fs';
import type { SpaceId } from '../../core/ids.ts';
import type { Head } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';

interface WatchDeps {
  readonly headOf: (space: SpaceId) => Promise<Head | null>;
  readonly temporary: string;
  readonly clock: Clock;
  readonly pollEvery: number;
  /** Aborts when the remote is closed: the next look then fails. */
  readonly closed: AbortSignal;
}

/**
 * Looks at the heads every `pollEvery` ms until `signal` aborts, and at once where this machine's file system reports that someone wrote in
 * `temporary`: every writer does. Reports of other machines' writes on a share do not arrive, which is what the polling is for.
 */
export async function watchHeads(
  spaces: readonly SpaceId[],
  onHead: (space: SpaceId, head: Head | null) => void,
  signal: AbortSignal,
  deps: WatchDeps,
): Promise<void> {
  const seen = new Map<SpaceId, string>();
  let hinted = false;
  let wake = new AbortController();
  const hint = (): void => {
    hinted = true;
    wake.abort();
  };
  const watcher = hintsOf(deps.temporary, hint);
  signal.addEventListener('abort', hint);
  deps.closed.addEventListener('abort', hint);
  try {
    while (!signal.aborted) {
      hinted = false;
      for (const space of new Set(spaces)) {
        const head = await deps.headOf(space);
        const key = head === null ? '' : head.hash;
        if (signal.aborted || seen.get(space) === key) continue;
        seen.set(space, key);
        onHead(space, head);
      }
      wake = new AbortController();
      if (!hinted && !signal.aborted) await deps.clock.sleep(deps.pollEvery, wake.signal);
    }
  } finally {
    signal.removeEventListener('abort', hint);
    deps.closed.removeEventListener('abort', hint);
    watcher?.close();
  }
}

/** Where there are no such reports (too many watchers, a network file system), polling does alone. */
function hintsOf(directory: string, hint: () => void): FSWatcher | null {
  try {
    const watcher = watchDirectory(directory, { persistent: false }, hint);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}
