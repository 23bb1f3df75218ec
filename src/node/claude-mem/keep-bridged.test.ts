import { expect, it } from 'vitest';
import type { Store } from '../../core/ports/store.ts';
import { createSyncFeeds, type SyncFeeds } from '../../gateways/claude-mem/sync-feed.ts';
import type { HubLog } from '../../gateways/native/hub-app.ts';
import { createSmallSpace } from '../../../tests/replica/small-space.ts';
import { createSystemClock } from '../system.ts';
import { keepBridged } from './keep-bridged.ts';
import { PERSONAL_USER } from './personal-user.ts';

it('a feed that begins while it is looked for is looked at', async () => {
  const { owner } = await createSmallSpace('bridge');
  let begin: (user: string) => void = () => undefined;
  const feeds = {
    onAppend: () => () => undefined,
    onBegin(listener: (user: string) => void) {
      begin = listener;
      return () => undefined;
    },
  } as unknown as SyncFeeds;
  let looks = 0;
  const store: Store = {
    ...owner.deps.store,
    async read<T>() {
      looks += 1;
      if (looks === 1) begin(PERSONAL_USER);
      return null as T;
    },
  };
  const stop = new AbortController();
  const log = { error: () => undefined } as unknown as HubLog;
  const scope = { choices: '' } as unknown as Parameters<typeof keepBridged>[0]['scope'];
  const clock = createSystemClock();
  const says = {
    maySay: () => Promise.resolve(true),
    onMaySay: () => () => undefined,
    writePassedOver: () => Promise.resolve(0),
    handedOver: () => Promise.resolve(null),
    tellServed: () => () => undefined,
  };
  const kept = keepBridged({ store, clock, feeds, replica: owner.replica, log, scope, ...says }, stop.signal);
  await expect.poll(() => looks).toBe(2);
  stop.abort();
  await kept;
});

it('what comes in while something turns out to wait is looked at, however long that waits', async () => {
  const { owner } = await createSmallSpace('news');
  const { store } = owner.deps;
  const system = createSystemClock();
  /** It waits for something for good: for the look after it, a second later and later each time. */
  const clock = { ...system, sleep: (ms: number, signal?: AbortSignal) => system.sleep(ms < 1_000 ? ms : 2 ** 30, signal) };
  const feeds = createSyncFeeds({ store, clock });
  await feeds.head(PERSONAL_USER);
  let news = (): void => undefined;
  let looks = 0;
  const says = {
    maySay: () => Promise.resolve(true),
    onMaySay(listener: () => void) {
      news = listener;
      return () => undefined;
    },
    writePassedOver() {
      looks += 1;
      if (looks === 1) news();
      return Promise.resolve(1);
    },
    handedOver: () => Promise.resolve(null),
    tellServed: () => () => undefined,
  };
  const stop = new AbortController();
  const log = { error: () => undefined } as unknown as HubLog;
  const scope = { choices: '[]', refresh: () => Promise.resolve(null) } as unknown as Parameters<typeof keepBridged>[0]['scope'];
  const kept = keepBridged({ store, clock, feeds, replica: owner.replica, log, scope, ...says }, stop.signal);
  await expect.poll(() => looks, { timeout: 5_000 }).toBe(2);
  stop.abort();
  await kept;
});
