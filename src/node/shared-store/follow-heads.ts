import type { SpaceId } from '../../core/ids.ts';
import type { Head } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store } from '../../core/ports/store.ts';
import type { HubLog } from '../../gateways/native/hub-app.ts';
import type { LocalRemote } from '../../remotes/local.ts';
import type { HeadNotices } from '../../store/postgres/head-notices.ts';

/** How often heads are looked at while notices come, and while they do not, ms. */
const LOOK_HEARING = 15_000;
const LOOK_DEAF = 1_000;

export interface FollowHeadsDeps {
  readonly notices: HeadNotices;
  readonly local: Pick<LocalRemote, 'watched' | 'headMoved'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: HubLog;
}

/**
 * Tells those who watch here of what other processes append to the same store: at once where they are heard, and by looking
 * otherwise. Until `signal` aborts; never rejects. A look costs one transaction with a look-up for each space that is watched.
 */
export async function followHeads(deps: FollowHeadsDeps, signal: AbortSignal): Promise<void> {
  const { notices, local, store, clock, log } = deps;
  /** Heads as they were last seen here, of what is watched. */
  const seen = new Map<SpaceId, string>();
  let deafness: string | null = 'not connected yet';
  let pause = new AbortController();
  /** Spaces that are being told of, and whether that is to be done again. */
  const telling = new Map<SpaceId, boolean>();

  async function tell(space: SpaceId): Promise<void> {
    if (telling.has(space)) {
      telling.set(space, true);
      return;
    }
    do {
      telling.set(space, false);
      try {
        await local.headMoved(space);
      } catch (error) {
        seen.delete(space); // the next look finds it
        log.warn({ error: String(error) }, 'a head could not be looked at');
      }
    } while (telling.get(space) === true);
    telling.delete(space);
  }

  async function look(): Promise<void> {
    const watched = local.watched();
    for (const space of seen.keys()) if (!watched.includes(space)) seen.delete(space);
    if (watched.length === 0) return;
    const heads = await store.read(async (tx) => {
      const found = new Map<SpaceId, Head | null>();
      for (const space of watched) found.set(space, await tx.logs.head(space));
      return found;
    });
    for (const [space, head] of heads) {
      const now = head === null ? '' : `${head.term} ${head.position} ${head.hash}`;
      // One that was not looked at before may have moved since its watcher did.
      if (seen.get(space) === now) continue;
      seen.set(space, now);
      void tell(space);
    }
  }

  const hearing = notices.listen(
    {
      onMoved: (space) => {
        if (local.watched().includes(space)) void tell(space);
      },
      onHearing: (reason) => {
        if (reason !== deafness) {
          if (reason === null) log.info({}, 'other hubs on this database are heard');
          else log.warn({ reason }, 'other hubs on this database are not heard: heads are looked at every second');
        }
        if (reason === null && deafness === null) return;
        deafness = reason;
        pause.abort(); // something may have been missed
      },
    },
    signal,
  );
  const end = (): void => pause.abort();
  signal.addEventListener('abort', end, { once: true });
  while (!signal.aborted) {
    // Before the look: what ends the pause may come while it looks.
    pause = new AbortController();
    await look().catch((error: unknown) => log.warn({ error: String(error) }, 'heads could not be looked at'));
    await clock.sleep(deafness === null ? LOOK_HEARING : LOOK_DEAF, pause.signal);
  }
  signal.removeEventListener('abort', end);
  await hearing;
}
