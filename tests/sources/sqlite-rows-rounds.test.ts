import { expect, it } from 'vitest';
import { runRounds } from './mem-rounds.ts';

it('ends with the same rows everywhere, while claude-mem works and nodes die', async () => {
  const { rows, deaths } = await runRounds(1, 60, ['13.25.3', '13.25.3', '12.6.0']);
  expect(rows).toBeGreaterThan(0);
  expect(deaths).toBeGreaterThan(0);
});
