import type { SpaceId } from '../core/ids.ts';
import type { Head } from '../core/log/record.ts';
import type { Clock } from '../core/ports/clock.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { FIRST_RETRY } from './retry-pause.ts';

const LISTEN_AGAIN = 30_000;

/** What a space's remote says by itself, listened for as long as the space runs. */
export interface LiveStream {
  /** The stream since it was heard of, another object each time; `null` while nothing is heard. */
  readonly current: object | null;
  /** Listens until it is stopped; never rejects. */
  run(): Promise<void>;
  /** The connection may be dead: it is opened anew. */
  reopen(): void;
}

export interface LiveStreamDeps {
  readonly space: SpaceId;
  readonly clock: Clock;
  readonly log: HubLog;
  readonly connected: () => Promise<Remote>;
  /** How many syncs failed in a row: whoever is away is listened for less often. */
  readonly failures: () => number;
  /** Heard of for the first time since it was silent: whoever comes back may have missed more than the head says. */
  readonly onBack: (head: Head | null) => void;
  readonly onHead: (head: Head | null) => void;
  /** It ended. `wasHeard`: there may be news by now. */
  readonly onSilence: (wasHeard: boolean) => void;
  readonly stopped: AbortSignal;
}

export function createLiveStream(deps: LiveStreamDeps): LiveStream {
  const { space, clock, log, stopped } = deps;
  let listening = new AbortController();
  let current: object | null = null;

  /** One connection, until it ends. Returns whether anything was heard. */
  async function listen(until: AbortController): Promise<boolean> {
    let heard = false;
    const onHead = (_space: SpaceId, head: Head | null): void => {
      if (heard) return deps.onHead(head);
      heard = true;
      current = until;
      deps.onBack(head);
    };
    try {
      const remote = await deps.connected();
      await remote.watch([space], onHead, AbortSignal.any([until.signal, stopped]));
    } catch (error) {
      if (!(error instanceof RemoteError)) log.error({ error: error instanceof Error ? error.message : String(error) }, 'watching failed');
    }
    current = null;
    deps.onSilence(heard);
    return heard;
  }

  return {
    get current() {
      return current;
    },

    async run() {
      while (!stopped.aborted) {
        listening = new AbortController();
        const mine = listening;
        const heard = await listen(mine);
        if (stopped.aborted || mine.signal.aborted) continue;
        const calm = heard ? FIRST_RETRY : Math.min(LISTEN_AGAIN, FIRST_RETRY * 2 ** Math.min(5, deps.failures()));
        await clock.sleep(calm, AbortSignal.any([mine.signal, stopped]));
      }
    },

    reopen: () => listening.abort(),
  };
}
