import { describe, expect, it } from 'vitest';
import type { PlaceKind } from './places.ts';
import { runSchedule, type Outcome } from './schedule.ts';

const SEEDS_PER_TEST = 50;
const TRACE_SHOWN = 60;

/** Holds `count` schedules from seed `first` on against the laws. A failure says how to replay it. */
export function describeSeeds(first: number, count: number, kind: PlaceKind = 'hub'): void {
  describe(`${kind === 'hub' ? '' : `${kind}: `}schedules ${first} to ${first + count - 1}`, () => {
    for (let start = first; start < first + count; start += SEEDS_PER_TEST) {
      const end = Math.min(start + SEEDS_PER_TEST, first + count);
      it(`keep every law from seed ${start} on`, async () => {
        for (let seed = start; seed < end; seed += 1) {
          const outcome = await runSchedule(seed, kind);
          if (outcome.failure !== null) expect.fail(explain(outcome, kind));
        }
      });
    }
  });
}

export function explain({ seed, trace, failure }: Outcome, kind: PlaceKind = 'hub', shown = TRACE_SHOWN): string {
  const left = trace.length > shown ? [`… ${trace.length - shown} lines before`] : [];
  return [
    `seed ${seed}: ${failure?.stack ?? 'every law held'}`,
    'the trace ends with',
    ...left,
    ...trace.slice(-shown),
    `replay: ${kind === 'hub' ? '' : `SATCHEL_SIM_PLACE=${kind} `}SATCHEL_SIM_SEED=${seed} npx vitest run tests/simulation/replay.test.ts`,
  ].join('\n');
}
