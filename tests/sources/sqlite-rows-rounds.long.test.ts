import { expect, it } from 'vitest';
import { runRounds } from './mem-rounds.ts';

it.each([
  [1, ['13.25.3', '13.25.3', '12.6.0']],
  [2, ['9.0.0', '13.25.3', '13.12.0']],
] as const)('ends with the same rows everywhere after a thousand rounds (seed %s)', { timeout: 30 * 60_000 }, async (seed, schemas) => {
  const { deaths } = await runRounds(seed, 1_000, schemas, 500);
  expect(deaths).toBeGreaterThan(10);
});

// What happens one time in fifty needs many beginnings: a process that died finds little in a long life.
it('ends with the same rows everywhere, of a hundred lives', { timeout: 30 * 60_000 }, async () => {
  const failed: string[] = [];
  for (let seed = 100; seed < 200; seed += 1) {
    await runRounds(seed, 60, ['13.25.3', '13.25.3', '12.6.0']).catch((error: unknown) => failed.push(`seed ${seed}: ${String(error)}`));
  }
  expect(failed).toEqual([]);
});
