import { expect, it } from 'vitest';
import { runRestore } from './mem-restores.ts';

it('sends nothing of a backup that is put back before somebody says so, of many', { timeout: 30 * 60_000 }, async () => {
  const failed: string[] = [];
  for (let seed = 1_000; seed < 1_600; seed += 1)
    await runRestore(seed).catch((error: unknown) => failed.push(`seed ${seed}: ${String(error)}`));
  expect(failed).toEqual([]);
});
