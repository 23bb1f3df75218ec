import type { SpaceId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store, StoreTransaction } from '../../core/ports/store.ts';
import type { HubLog } from '../../gateways/native/hub-app.ts';
import type { LocalRemote } from '../../remotes/local.ts';
import type { AppendNotices } from '../../store/postgres/append-notices.ts';

/** How often what is watched is looked at while notices come, and while they do not, ms. */
const LOOK_HEARING = 15_000;
const LOOK_DEAF = 1_000;

/** One sort of what several processes append to, as far as somebody watches it here. */
export interface Followed {
  /** What is watched, under the names that notices have for it. */
  watched(): readonly string[];
  /** How one of them stands: where the answer is another one than before, it moved. One look-up. */
  headOf(tx: StoreTransaction, name: string): Promise<string>;
  /** Tells those who watch. What it throws is logged, and tried again with the next look. */
  moved(name: string): Promise<void>;
}

/** The logs of spaces, whose names are their ids. */
export function followedLogs(local: Pick<LocalRemote, 'watched' | 'headMoved'>): Followed {
  return {
    watched: () => local.watched(),
    async headOf(tx, name) {
      const head = await tx.logs.head(name as SpaceId);
      return head === null ? '' : `${head.term} ${head.position} ${head.hash}`;
    },
    moved: (name) => local.headMoved(name as SpaceId),
  };
}

export interface FollowAppendsDeps {
  readonly notices: AppendNotices;
  readonly followed: readonly Followed[];
  readonly store: Store;
  readonly clock: Clock;
  readonly log: HubLog;
}

/**
 * Tells those who watch here of what other processes append to the same store: at once where they are heard, and by looking
 * otherwise. Until `signal` aborts; never rejects. A look costs one transaction with a look-up for each log and feed that is watched.
 */
export async function followAppends(deps: FollowAppendsDeps, signal: AbortSignal): Promise<void> {
  const { notices, followed, store, clock, log } = deps;
  /** Heads as they were last seen here, of what is watched. */
  const seen = new Map<string, string>();
  let deafness: string | null = 'not connected yet';
  let pause = new AbortController();
  /** What is being told of, and whether that is to be done again. */
  const telling = new Map<string, boolean>();

  async function tell(sort: Followed, name: string): Promise<void> {
    if (telling.has(name)) {
      telling.set(name, true);
      return;
    }
    do {
      telling.set(name, false);
      try {
        await sort.moved(name);
      } catch (error) {
        seen.delete(name); // the next look finds it
        log.warn({ error: String(error) }, 'what was appended could not be told of');
      }
    } while (telling.get(name) === true);
    telling.delete(name);
  }

  async function look(): Promise<void> {
    const watched = followed.flatMap((sort) => sort.watched().map((name) => ({ sort, name })));
    const names = new Set(watched.map(({ name }) => name));
    for (const name of seen.keys()) if (!names.has(name)) seen.delete(name);
    if (watched.length === 0) return;
    const heads = await store.read(async (tx) => {
      const found = [];
      for (const each of watched) found.push({ ...each, head: await each.sort.headOf(tx, each.name) });
      return found;
    });
    for (const { sort, name, head } of heads) {
      // One that was not looked at before may have moved since its watcher did.
      if (seen.get(name) === head) continue;
      seen.set(name, head);
      void tell(sort, name);
    }
  }

  const hearing = notices.listen(
    {
      onMoved: (name) => {
        for (const sort of followed) if (sort.watched().includes(name)) void tell(sort, name);
      },
      onHearing: (reason) => {
        if (reason !== deafness) {
          if (reason === null) log.info({}, 'other hubs on this database are heard');
          else log.warn({ reason }, 'other hubs on this database are not heard: logs and feeds are looked at every second');
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
    await look().catch((error: unknown) => log.warn({ error: String(error) }, 'logs and feeds could not be looked at'));
    await clock.sleep(deafness === null ? LOOK_HEARING : LOOK_DEAF, pause.signal);
  }
  signal.removeEventListener('abort', end);
  await hearing;
}
