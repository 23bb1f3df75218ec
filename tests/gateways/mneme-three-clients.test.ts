import { describe, expect, it } from 'vitest';
import { explainMneme, playOnOneGateway, playOnThreeMachines } from './mneme-model/worlds.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 12);

describe.each([
  ['one gateway', playOnOneGateway],
  ['a gateway of each machine’s own', playOnThreeMachines],
])('three clients with wrong clocks, on %s', (_, playOn) => {
  it('have all that any of them wrote and nobody removed', async () => {
    let bad = ''; let n = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) { const w = explainMneme(seed, await playOn(seed)); if (w !== '') { n += 1; bad += w.split('the trace:')[0]; } }
    expect(`${n} ${bad}`).toBe('0 ');
  }, 600000);
});
