import { it } from 'vitest';
import { meetInPart } from './mem-overlap.ts';

it('makes one history of two of 6,000 observations that share 2,000, and nothing the second time', { timeout: 10 * 60_000 }, async () => {
  await meetInPart({ shared: 2_000, each: 6_000 });
});
