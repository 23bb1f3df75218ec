/**
 * What sort of trouble a schedule is about. Half of the seeds have the common life alone, so that its mistakes stay as
 * easy to find as they were; the others share out what is rarer.
 */
export type Family = 'common' | 'keeping' | 'hostile' | 'all';

export function familyOf(seed: number): Family {
  if (seed % 2 === 1) return 'common';
  return (['keeping', 'hostile', 'all'] as const)[(seed / 2) % 3] as Family;
}

/** Histories are pruned and forgotten, machines begin with checkpoints. */
export function keeps(family: Family): boolean {
  return family === 'keeping' || family === 'all';
}

/** Members forge records; stores are copied. */
export function isHostile(family: Family): boolean {
  return family === 'hostile' || family === 'all';
}
