import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { unifiedDiff } from './unified-diff.ts';

it('shows changed lines with their surroundings', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\n';
  expect(unifiedDiff(before, before.replace('e\n', 'E\nE2\n'))).toEqual([
    '@@ -2,7 +2,8 @@',
    ' b',
    ' c',
    ' d',
    '-e',
    '+E',
    '+E2',
    ' f',
    ' g',
    ' h',
  ]);
});

it('parts distant changes, and says where a newline is missing', () => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  const changed = lines.with(2, 'two').with(27, 'twenty-seven');
  expect(unifiedDiff(lines.join('\n'), changed.join('\n')).filter((line) => line.startsWith('@@'))).toHaveLength(2);
  expect(unifiedDiff('a\n', 'a')).toEqual(['@@ -1,1 +1,1 @@', '-a', '+a\n\\ No newline at end of file']);
  expect(unifiedDiff('', '')).toEqual([]);
});

it('names empty ranges as patch does', () => {
  expect(unifiedDiff('', 'a\n')).toEqual(['@@ -0,0 +1,1 @@', '+a']);
  expect(unifiedDiff('a\nb\n', '')).toEqual(['@@ -1,2 +0,0 @@', '-a', '-b']);
});

it('takes a text of very many lines', () => {
  const text = 'x\n'.repeat(300_000);
  expect(unifiedDiff('', text)).toHaveLength(300_001);
});

it('keeps every line of both sides', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 30 }).map((lines) => lines.map((line) => `${line}\n`).join(''));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = unifiedDiff(before, after);
      const side = (mark: string) => lines.filter((line) => line.startsWith(mark) && !line.startsWith('@@')).length;
      expect(side('+') - side('-')).toBe(after.split('\n').length - before.split('\n').length);
      expect(lines.length === 0).toBe(before === after);
    }),
  );
});
