import { expect, it } from 'vitest';
import { rowDiff } from './row-diff.ts';

const row = (cells: object): string => JSON.stringify(cells);

it('shows what differs of a row, column by column, and lists by their entries', () => {
  const before = row({ facts: '["a","b"]', narrative: 'one\ntwo', title: 'old', type: 'bugfix' });
  const after = row({ facts: '["a","c"]', narrative: 'one\nthree', subtitle: 'new', type: 'bugfix' });
  expect(rowDiff({ kind: 'claude-mem', before, after })).toEqual([
    ...['@@ facts @@', ' - a', '-- b', '+- c'],
    ...['@@ narrative @@', ' one', '-two', '+three'],
    ...['@@ subtitle @@', '+new'],
    ...['@@ title @@', '-old'],
  ]);
  expect(rowDiff({ kind: 'claude-mem', before: null, after: row({ title: 'x' }) })).toEqual(['@@ title @@', '+x']);
});

it('is for rows alone', () => {
  expect(rowDiff({ kind: 'json', before: row({ a: 'b' }), after: row({ a: 'c' }) })).toBeNull();
  expect(rowDiff({ kind: 'claude-mem', before: 'no row', after: row({ a: 'c' }) })).toBeNull();
});
