import { expect, inject, it } from 'vitest';
import { MEM_SCHEMAS } from '../sources/mem-database.ts';
import { killBesideWriters } from './mem-kill.ts';

it('all releases of claude-mem end up the same after a thousand rounds of work and kills', async () => {
  const run = await killBesideWriters({
    program: inject('program'),
    rounds: 1_000,
    seed: `mem-kill/${process.pid}`,
    schemas: MEM_SCHEMAS,
    pauseMs: 1_000,
  });
  console.log(
    `1,000 rounds: ${run.deeds} deeds, ${run.rows} observations; the longest transaction of a worker took ${run.longest.toFixed(0)} ms`,
  );
  expect(run.longest).toBeLessThan(5_000);
});
