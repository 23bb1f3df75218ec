import type { BridgeScope } from '../../gateways/claude-mem/bridge-scope.ts';
import { createSpaceBridge, BRIDGE_WRITER, isCarried, type SpaceBridgeDeps } from '../../gateways/claude-mem/space-bridge.ts';
import type { SyncFeeds } from '../../gateways/claude-mem/sync-feed.ts';
import { spaceMark, type LogPlace, type SpaceServed } from '../../gateways/claude-mem/space-served.ts';
import { feedOf } from '../../gateways/claude-mem/sync-feed.ts';
import type { HubLog } from '../../gateways/native/hub-app.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store } from '../../core/ports/store.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { createReplicaWorkspace } from '../../core/replica/replica-workspace.ts';

export interface KeepBridgedDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly feeds: SyncFeeds;
  readonly replica: Replica;
  readonly log: HubLog;
  /** Which rows are the personal space's. */
  readonly scope: BridgeScope;
  /** Asked each time before anything that came by another way is served. */
  readonly maySay: () => Promise<boolean>;
  /** Calls back when what `maySay` answers may be another thing. Gives back what ends it. */
  readonly onMaySay: (listener: () => void) => () => void;
  readonly writePassedOver: SpaceBridgeDeps['writePassedOver'];
  readonly handedOver: SpaceBridgeDeps['handedOver'];
  /** Has whoever asks told how much of the space is served. Gives back what ends it. */
  readonly tellServed: (look: () => Promise<SpaceServed>) => () => void;
}

/** After so long without another push: a worker that has much to say goes on for a while. Milliseconds. */
const QUIET = 500;
/** At the latest. */
const LATEST = 60_000;
/** What the space has new is served at once, but not one by one. */
const SETTLE = 100;
/** What waits for its place in the log, each time twice as long that nothing comes in. */
const LOOK_AGAIN = 1_000;
const LOOK_LATEST = 60_000;
const RETRY = 10_000;
/** Of what was forgotten nobody is told: it is looked for. */
const LOOK_FOR_ERASURES = 5_000;

/**
 * Keeps the personal space and the feed of {@link PERSONAL_USER} the same, until the signal. Does nothing before a worker was there:
 * without one there is no feed.
 */
export async function keepBridged(
  { store, clock, feeds, replica, log, maySay, onMaySay, writePassedOver, handedOver, tellServed, scope }: KeepBridgedDeps,
  signal: AbortSignal,
): Promise<void> {
  let pushedAt: number | null = null;
  let changed = true;
  /** What the last exchange found, and whether it left nothing for a later one. */
  let served: { readonly upTo: LogPlace | null; readonly isHeld: boolean; readonly isAll: boolean } = {
    upTo: null,
    isHeld: false,
    isAll: false,
  };
  let wake = (): void => undefined;
  const hasNews = (): boolean => changed || pushedAt !== null;
  const placeNow = (): LogPlace | null => (replica.term === null ? null : { term: replica.term, position: replica.position });
  // While nothing comes in: what came before has been told by then.
  const look = (): Promise<SpaceServed> =>
    replica.exclusive(() => {
      const upTo = served.isAll && !changed ? placeNow() : served.upTo;
      return Promise.resolve({ space: spaceMark(replica.space), upTo, isHeld: served.isHeld });
    });
  const ends = [
    tellServed(look),
    feeds.onAppend(({ user, device }) => {
      if (user !== PERSONAL_USER || device === null) return;
      pushedAt = clock.now();
      wake();
    }),
    feeds.onBegin((user) => {
      if (user !== PERSONAL_USER) return;
      changed = true;
      wake();
    }),
    onMaySay(() => {
      changed = true;
      wake();
    }),
    replica.onChange((items) => {
      if (!items.some(isCarried)) return;
      changed = true;
      wake();
    }),
  ];
  const workspace = createReplicaWorkspace(replica, { writer: BRIDGE_WRITER, covers: isCarried, scope: 'claude-mem' });
  const pause = async (ms: number | null): Promise<void> => {
    const ending = new AbortController();
    const woken = new Promise<void>((resolve) => (wake = resolve));
    const waits = [woken, ...(ms === null ? [] : [clock.sleep(ms, AbortSignal.any([ending.signal, signal]))])];
    signal.addEventListener('abort', wake, { once: true, signal: ending.signal });
    if (!signal.aborted) await Promise.race(waits);
    ending.abort();
  };

  /** Until no worker has pushed for a while, or some were pushing for too long. */
  async function settle(): Promise<void> {
    const began = clock.now();
    // No push wakes it: a worker that has much to say sends dozens a second.
    await clock.sleep(SETTLE, signal);
    while (pushedAt !== null && !signal.aborted && clock.now() - pushedAt < QUIET && clock.now() - began < LATEST)
      await clock.sleep(Math.max(1, QUIET - (clock.now() - pushedAt)), signal);
  }

  try {
    let patience = LOOK_AGAIN;
    let dropsSeen = -1;
    let bridge: Awaited<ReturnType<typeof createSpaceBridge>> | null = null;
    while (!signal.aborted) {
      if (!hasNews()) await pause(bridge === null ? null : LOOK_FOR_ERASURES);
      if (!hasNews() && dropsSeen === replica.lastDrop) continue;
      changed = false; // before the look: a feed that begins meanwhile counts
      served = { ...served, isAll: false };
      const isUsed = (await store.read((tx) => tx.feeds.head(feedOf(PERSONAL_USER)))) !== null;
      if (!isUsed) continue;
      if (!replica.canWrite) {
        served = { ...served, isHeld: true };
        await pause(RETRY);
        changed = true;
        continue;
      }
      await settle();
      if (signal.aborted) return;
      [changed, pushedAt] = [false, null];
      dropsSeen = replica.lastDrop;
      try {
        bridge ??= await createSpaceBridge({
          ...{ store, clock, feeds, replica, workspace, scope, writePassedOver, handedOver },
          user: PERSONAL_USER,
        });
        const serves = await maySay();
        const upTo = await replica.exclusive(() => Promise.resolve(placeNow()));
        served = { ...served, isHeld: !serves };
        const { waiting, unwritten } = await bridge.exchange({ serves });
        if (serves) served = { upTo, isHeld: false, isAll: waiting === 0 };
        if (waiting + unwritten === 0 && serves) patience = LOOK_AGAIN;
        else {
          // What came in during the exchange woke nobody.
          if (!hasNews()) await pause(patience);
          if (!hasNews()) patience = Math.min(LOOK_LATEST, patience * 2);
          changed = true;
        }
      } catch (error) {
        log.error(
          { error: error instanceof Error ? error.stack : String(error) },
          'claude-mem’s rows and the space could not be brought together',
        );
        bridge = null;
        changed = true;
        await pause(RETRY);
      }
    }
  } finally {
    for (const end of ends) end();
    await workspace.close();
  }
}
