import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { hunt } from './hunt.ts';
import { MUTATIONS } from './mutations.ts';

/** Every mistake is found within so many seeds; docs/simulation.md lists which seeds those are. */
const MOST_SEEDS = 100;

describe('the simulation finds a mistake in the code', () => {
  it.each(MUTATIONS.filter(({ isInLongRun }) => isInLongRun !== true).map(({ name }) => name))('%s', { timeout: 300_000 }, async (name) => {
    expect(await hunt(name, MOST_SEEDS)).not.toBeNull();
  });

  it('and docs/simulation.md lists them', async () => {
    const page = await readFile(new URL('../../docs/simulation.md', import.meta.url), 'utf8');
    for (const { name } of MUTATIONS) expect(page).toContain(`| ${name} |`);
  });
});
