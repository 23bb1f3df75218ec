import { describe, expect, it } from 'vitest';
import { explainMneme, WORLDS } from './mneme-model/worlds.ts';

const FIRST = 1_000;
const SEEDS = 300;

describe.each(WORLDS)('three clients with wrong clocks, often, on %s', (_, playOn, often) => {
  it('have all that any of them wrote and nobody removed', { timeout: 30 * 60_000 }, async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS * often; seed += 1) expect(explainMneme(seed, await playOn(seed))).toBe('');
  });
});
