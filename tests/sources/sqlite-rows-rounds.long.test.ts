import { expect, it } from 'vitest';
import { runRounds } from './mem-rounds.ts';

it(
  'ends with the same rows everywhere after a thousand rounds, while claude-mem works and nodes die',
  { timeout: 30 * 60_000 },
  async () => {
    let deaths = 0;
    for (let seed = 1; seed <= 5; seed += 1) {
      const made = await runRounds(seed, 200, seed % 2 === 0 ? ['9.0.0', '13.25.3', '13.12.0'] : ['13.25.3', '13.25.3', '12.6.0']);
      deaths += made.deaths;
    }
    expect(deaths).toBeGreaterThan(10);
  },
);
