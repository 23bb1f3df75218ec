import { expect, inject, it } from 'vitest';
import { killWhilePushing } from './feed-kill.ts';

it.each([true, false])('acknowledged ops survive 250 kills, and what was served stays as it was (hub: %s)', async (hub) => {
  const run = await killWhilePushing({ program: inject('program'), kills: 250, seed: `feed-kill/${process.pid}`, hub });
  console.log(`250 kills: ${run.acked} acknowledged ops, ${run.served} in the feed`);
  expect(run.acked).toBeGreaterThan(1_000);
});
