import { it } from 'vitest';
import { meetInPart } from './mem-overlap.ts';

it('makes one history of two that overlap, and nothing the second time', async () => {
  await meetInPart({ shared: 200, each: 600 });
});
