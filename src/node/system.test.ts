import { expect, it } from 'vitest';
import { createSystemClock, createSystemRandom } from './system.ts';

it('sleeps until it is told to wake', async () => {
  const clock = createSystemClock();
  const waking = new AbortController();
  const sleeping = clock.sleep(3_600_000, waking.signal);
  waking.abort();
  await sleeping;
  await clock.sleep(3_600_000, waking.signal);
  await clock.sleep(1);
});

it('gives random bytes', () => {
  const random = createSystemRandom();
  expect(random.bytes(32)).toHaveLength(32);
  expect(Buffer.compare(random.bytes(32), random.bytes(32))).not.toBe(0);
});
