import { expect, it } from 'vitest';
import { byStanding } from './log.ts';

it('names what is in place first, and what was written over before it was sent last, the newest of it first', () => {
  const changes = (['collapsed', 'collapsed', 'put', 'collapsed', 'keep', 'delete'] as const).map((type, index) => ({ type, index }));
  expect(changes.toSorted(byStanding).map(({ type, index }) => `${type} ${index}`)).toEqual([
    'put 2',
    'delete 5',
    'keep 4',
    'collapsed 3',
    'collapsed 1',
    'collapsed 0',
  ]);
});
