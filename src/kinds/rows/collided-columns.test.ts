import { expect, it } from 'vitest';
import { collidedColumns, takeColumns } from './collided-columns.ts';
import { mergeRows } from './row-kind.ts';
import type { Row } from './row-body.ts';

const row = (cells: Record<string, string>): Row => new Map(Object.entries(cells));
const ask = () => 'ask' as const;
const FIRST = row({ title: 'a', subtitle: 's', facts: 'f' });

it('are those that both sides had changed, whatever became of the others before and since', () => {
  const kept = row({ title: 'ours', subtitle: 's', facts: 'g' });
  const theirs = [row({ title: 'x', subtitle: 't', facts: 'f' }), row({ title: 'y', subtitle: 'u', facts: 'f' })];
  const { merged, collisions } = mergeRows(FIRST, theirs[1]!, kept, ask);
  expect(collisions).toEqual(['title']);
  const older = row({ title: 'z', subtitle: 'w', facts: 'v' });
  // From what stood there in between the subtitle would be one, too; from what stood there long before all are.
  expect(collidedColumns([...theirs.toReversed(), FIRST, older], merged, kept, ask)).toEqual(['title']);
  expect(takeColumns(merged, kept, ['title'])).toEqual(row({ title: 'ours', subtitle: 'u', facts: 'g' }));
});

it('are told without a common beginning, and not where none fits', () => {
  const [mine, yours] = [row({ title: 'a', text: 'one' }), row({ title: 'a', text: 'two', facts: 'f' })];
  expect(collidedColumns([null], yours, mine, ask)).toEqual(['text']);
  expect(collidedColumns([], yours, mine, ask)).toBeNull();
  expect(collidedColumns([row({ title: 'a', text: 'two', facts: 'f' })], yours, mine, ask)).toBeNull();
});

it('may be cleared', () => {
  const kept = row({ title: 'a', facts: 'f' });
  const theirs = row({ title: 'a', subtitle: 'new', facts: 'f' });
  expect(collidedColumns([FIRST], theirs, kept, ask)).toEqual(['subtitle']);
  expect(takeColumns(theirs, kept, ['subtitle'])).toEqual(kept);
});
