import { expect, inject, it } from 'vitest';
import { killAtRandom } from './kill.ts';

it('loses nothing when processes are killed while they sync', async () => {
  const { acknowledged } = await killAtRandom({ program: inject('program'), kills: 5, seed: 'kill/short' });
  expect(acknowledged).toBeGreaterThan(0);
}, 120_000);
