import { expect, inject, it } from 'vitest';
import { killWhilePushing } from './feed-kill.ts';

it('an acknowledged op survives kill -9 under its number, and what was served stays as it was', async () => {
  const { acked } = await killWhilePushing({ program: inject('program'), kills: 4, seed: 'feed-kill/short', hub: false });
  expect(acked).toBeGreaterThan(20);
});
