import { expect, inject, it } from 'vitest';
import { killBesideWriters } from './mem-kill.ts';

it('two releases of claude-mem end up the same while they work and nodes are killed', async () => {
  const { deeds } = await killBesideWriters({
    program: inject('program'),
    rounds: 3,
    seed: 'mem-kill/short',
    schemas: ['13.25.3', '9.0.0'],
    pauseMs: 50,
  });
  expect(deeds).toBeGreaterThan(0);
});
