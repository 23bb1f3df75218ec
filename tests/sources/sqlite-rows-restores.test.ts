import { expect, it } from 'vitest';
import { runRestore } from './mem-restores.ts';

it('sends nothing of a backup that is put back before somebody says so, whatever was done since', async () => {
  const sorts = { older: 0, gone: 0, returned: 0 };
  for (let seed = 1; seed <= 25; seed += 1) {
    const held = await runRestore(seed);
    for (const sort of ['older', 'gone', 'returned'] as const) sorts[sort] += held[sort] > 0 ? 1 : 0;
  }
  for (const count of Object.values(sorts)) expect(count).toBeGreaterThan(4);
});
