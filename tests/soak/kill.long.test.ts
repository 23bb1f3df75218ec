import { expect, inject, it } from 'vitest';
import { killAtRandom } from './kill.ts';

it('loses nothing in 500 kills while processes sync', async () => {
  const run = await killAtRandom({ program: inject('program'), kills: 500, seed: `kill/${process.pid}` });
  console.log(`500 kills: ${run.acknowledged} acknowledged bodies, all found; ${run.records + 1} records`);
  expect(run.acknowledged).toBeGreaterThan(100);
}, 1_800_000);
