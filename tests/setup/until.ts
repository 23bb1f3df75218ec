import { expect, vi } from 'vitest';
import { PATIENCE } from './patience.ts';

/** Looks until it is so, as `expect.poll` does: which of the tests that run side by side asks that one does not know. */
export function until(look: () => unknown, expected: unknown): Promise<void> {
  return vi.waitFor(async () => expect(await look()).toEqual(expected), PATIENCE);
}
