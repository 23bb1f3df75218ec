import { describe, expect, it } from 'vitest';
import { explainMneme, WORLDS } from './mneme-model/worlds.ts';

const SEEDS = 5;

describe.each(WORLDS)('three clients with wrong clocks, on %s', (_, playOn, often) => {
  it('have all that any of them wrote and nobody removed', async () => {
    for (let seed = 1; seed <= SEEDS * often; seed += 1) expect(explainMneme(seed, await playOn(seed))).toBe('');
  });
});
