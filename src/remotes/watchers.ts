import type { SpaceId } from '../core/ids.ts';
import type { Head } from '../core/log/record.ts';
import type { Arrived, OnHead, RemoteError } from '../core/ports/remote.ts';

/** Those who watch heads in this process. */
export interface Watchers {
  /** As `Remote.watch`: `look` gives the first heads, `notify` the later ones. */
  watch(spaces: readonly SpaceId[], onHead: OnHead, signal: AbortSignal, look: (space: SpaceId) => Promise<Head | null>): Promise<void>;
  notify(space: SpaceId, head: Head | null, arrived?: Arrived): void;
  /** Spaces that someone watches now. */
  watched(): SpaceId[];
  /** Ends all watches with this error. */
  fail(error: RemoteError): void;
}

interface Watcher {
  readonly spaces: ReadonlySet<SpaceId>;
  readonly onHead: OnHead;
  readonly end: (error?: unknown) => void;
}

export function createWatchers(): Watchers {
  const watchers = new Set<Watcher>();

  // What a watcher throws is its own: it ends that watch, and neither the append that moved the head nor the others.
  function tell(watcher: Watcher, space: SpaceId, head: Head | null, arrived?: Arrived): void {
    try {
      watcher.onHead(space, head, arrived);
    } catch (error) {
      watcher.end(error);
    }
  }

  return {
    async watch(spaces, onHead, signal, look) {
      if (signal.aborted) return;
      let watcher: Watcher | undefined;
      const abort = (): void => watcher?.end();
      const ended = new Promise<void>((resolve, reject) => {
        watcher = { spaces: new Set(spaces), onHead, end: (error) => (error === undefined ? resolve() : reject(error)) };
        // Before the first look, so that nothing between the two is missed.
        watchers.add(watcher);
        signal.addEventListener('abort', abort, { once: true });
      });
      const first = async (): Promise<void> => {
        for (const space of new Set(spaces)) {
          const head = await look(space);
          if (signal.aborted || watcher === undefined || !watchers.has(watcher)) return;
          tell(watcher, space, head);
        }
      };
      first().catch((error: unknown) => watcher?.end(error));
      try {
        await ended;
      } finally {
        if (watcher !== undefined) watchers.delete(watcher);
        signal.removeEventListener('abort', abort);
      }
    },
    notify(space, head, arrived) {
      for (const watcher of [...watchers]) if (watcher.spaces.has(space)) tell(watcher, space, head, arrived);
    },
    watched: () => [...new Set([...watchers].flatMap((watcher) => [...watcher.spaces]))],
    fail(error) {
      for (const watcher of [...watchers]) watcher.end(error);
    },
  };
}
