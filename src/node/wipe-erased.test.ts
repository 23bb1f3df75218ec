import { expect, it } from 'vitest';
import type { SpaceId } from '../core/ids.ts';
import { createWipeErased } from './wipe-erased.ts';

it('wipes once for each erase record that is heard of, and half a minute later, and again where that failed', async () => {
  const sleeps: (() => void)[] = [];
  const clock = { now: () => 0, sleep: () => new Promise<void>((resolve) => sleeps.push(resolve)) };
  let [wipes, fails] = [0, false];
  const store = {
    wipe: async (): Promise<void> => {
      wipes += 1;
      if (fails) throw new Error('disk full');
      await Promise.resolve();
    },
  };
  const stop = new AbortController();
  const wiping = createWipeErased(store, clock, stop.signal);
  const space = 'ab'.repeat(32) as SpaceId;
  await wiping.synced({ space, lastDrop: -1 });
  expect(wipes).toBe(0);
  await wiping.synced({ space, lastDrop: 7 });
  await wiping.synced({ space, lastDrop: 7 });
  expect(wipes).toBe(1);
  sleeps.shift()?.();
  await expect.poll(() => wipes).toBe(2);
  await wiping.synced({ space, lastDrop: 9 });
  fails = true;
  sleeps.shift()?.();
  await expect.poll(() => wipes).toBe(4);
  fails = false;
  await expect.poll(async () => (await wiping.synced({ space, lastDrop: 9 }), wipes)).toBe(5);
});
