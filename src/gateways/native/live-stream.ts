import { LIVE_HEARTBEAT } from '../../core/hub-protocol/limits.ts';
import { encodeLiveLine } from '../../core/hub-protocol/wire.ts';
import type { SpaceId } from '../../core/ids.ts';
import type { Head } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Remote } from '../../core/ports/remote.ts';
import type { Role } from './authority.ts';
import type { HubLog } from './hub-app.ts';

export interface LiveStreamDeps {
  readonly remote: Remote;
  readonly clock: Clock;
  readonly log: HubLog;
  readonly roleOf: (space: SpaceId) => Promise<Role | null>;
}

/**
 * The body of a live answer. Memory is O(spaces) whatever happens: while the reader is slow, only the newest head of
 * each space waits. Roles are looked up at every push.
 */
export function createLiveStream(
  { remote, clock, log, roleOf }: LiveStreamDeps,
  spaces: readonly SpaceId[],
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const pending = new Map<SpaceId, Head | null>();
  /** What was shown last: whether it may be seen. That it may not any more is said once. */
  const shown = new Map<SpaceId, boolean>();
  let wake: (() => void) | undefined;
  let over = false;

  function end(): void {
    over = true;
    wake?.();
  }

  function fail(error: unknown): void {
    log.warn({ err: error }, 'a live stream ended');
    end();
  }

  function onHead(space: SpaceId, head: Head | null): void {
    pending.set(space, head);
    wake?.();
  }

  async function lines(): Promise<string> {
    const moved = [...pending];
    pending.clear();
    let text = '';
    for (const [space, head] of moved) {
      const allowed = (await roleOf(space)) !== null;
      if (!allowed && shown.get(space) === false) continue;
      shown.set(space, allowed);
      text += encodeLiveLine(space, allowed ? head : null);
    }
    return text;
  }

  /** Until something moved, the heartbeat is due, or it is over. */
  async function pause(): Promise<void> {
    const waiting = new AbortController();
    await Promise.race([new Promise<void>((resolve) => (wake = resolve)), clock.sleep(LIVE_HEARTBEAT, waiting.signal)]);
    waiting.abort(null); // without a reason an error would be made for it, with its stack
  }

  const watching = new AbortController();
  const stop = (): void => {
    watching.abort();
    end();
  };

  return new ReadableStream<Uint8Array>(
    {
      start() {
        if (signal.aborted) return stop();
        signal.addEventListener('abort', stop, { once: true });
        // However the watch ends, the stream ends: the reader reconnects.
        remote.watch(spaces, onHead, watching.signal).then(end, fail);
      },
      async pull(controller) {
        if (pending.size === 0 && !over) await pause();
        const text = over ? '' : await lines().catch(fail);
        if (!over) return controller.enqueue(Buffer.from(text || '\n'));
        signal.removeEventListener('abort', stop);
        stop();
        controller.close();
      },
      cancel() {
        signal.removeEventListener('abort', stop);
        stop();
      },
    },
    { highWaterMark: 0 },
  );
}
