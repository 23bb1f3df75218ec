import { describe, expect, it } from 'vitest';
import { hunt } from './hunt.ts';
import { MUTATIONS } from './mutations.ts';

const MOST_SEEDS = 250;

describe('the simulation finds a mistake that shows in few schedules', () => {
  it.each(MUTATIONS.filter(({ isInLongRun }) => isInLongRun === true).map(({ name }) => name))(
    '%s',
    { timeout: 1_200_000 },
    async (name) => {
      expect(await hunt(name, MOST_SEEDS)).not.toBeNull();
    },
  );
});
