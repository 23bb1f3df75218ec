import { expect, it } from 'vitest';
import type { PlaceKind } from './places.ts';
import { runSchedule } from './schedule.ts';
import { explain } from './seeds.ts';
import { extent } from '../setup/extent.ts';

const SEED = process.env['SATCHEL_SIM_SEED'];
const KIND: PlaceKind = (['bucket', 'git'] as const).find((kind) => kind === process.env['SATCHEL_SIM_PLACE']) ?? 'hub';

it(`replays ${SEED === undefined ? 'exactly' : `seed ${SEED}`}`, async () => {
  if (SEED === undefined) {
    for (const seed of extent([3, 44], [3, 42, 44, 1234]))
      expect((await runSchedule(seed)).fingerprint).toBe((await runSchedule(seed)).fingerprint);
    for (const kind of ['bucket', 'git'] as const)
      for (const seed of extent([44], [3, 44]))
        expect((await runSchedule(seed, kind)).fingerprint).toBe((await runSchedule(seed, kind)).fingerprint);
    return;
  }
  const outcome = await runSchedule(Number(SEED), KIND);
  process.stdout.write(`${explain(outcome, KIND, Number.POSITIVE_INFINITY)}\n`);
  if (outcome.failure !== null) throw outcome.failure;
});
