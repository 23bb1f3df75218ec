import { expect, it } from 'vitest';
import { toIndexed, wordsOf } from './split-words.ts';

it('parts characters of scripts that have no spaces, and leaves all others', () => {
  expect(wordsOf('記憶search検索')).toEqual(['記', '憶', 'search', '検', '索']);
  expect(wordsOf('기억 ความ')).toEqual(['기', '억', 'ค', 'ว', 'า', 'ม']);
  expect(wordsOf('Überraschung naïve e\u0301te\u0301 हिन्दी')).toEqual(['Überraschung', 'naïve', 'été', 'हिन्दी']);
});

it('takes everything that is no letter or digit for a gap', () => {
  expect(wordsOf('src/a_b.ts:12 -- "x" AND* (y)\0z')).toEqual(['src', 'a', 'b', 'ts', '12', 'x', 'AND', 'y', 'z']);
  expect(wordsOf('🚀 -> {}')).toEqual([]);
});

it('adds the words of a compound name, but not those of random letters', () => {
  expect(toIndexed('createSpaceRunner()')).toBe('createSpaceRunner create Space Runner()');
  expect(toIndexed('parseHTTPHeader')).toBe('parseHTTPHeader parse HTTP Header');
  for (const plain of ['plain words', 'aB', 'dGhpc0lzUmFuZG9tQmFzZTY0', 'x'.repeat(100) + 'Yz']) expect(toIndexed(plain)).toBe(plain);
});

it('takes no longer for long rows of letters than for words', () => {
  // Quadratic time would be minutes.
  for (const row of ['x', 'aB', 'X', 'x1']) expect(toIndexed(row.repeat(1_000_000))).toBe(row.repeat(1_000_000));
});
