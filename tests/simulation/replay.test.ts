import { expect, it } from 'vitest';
import { runSchedule } from './schedule.ts';
import { explain } from './seeds.ts';

const SEED = process.env['SATCHEL_SIM_SEED'];

it(`replays ${SEED === undefined ? 'exactly' : `seed ${SEED}`}`, async () => {
  if (SEED === undefined) {
    for (const seed of [3, 42, 44, 1234]) expect((await runSchedule(seed)).fingerprint).toBe((await runSchedule(seed)).fingerprint);
    return;
  }
  const outcome = await runSchedule(Number(SEED));
  process.stdout.write(`${explain(outcome, Number.POSITIVE_INFINITY)}\n`);
  if (outcome.failure !== null) throw outcome.failure;
});
