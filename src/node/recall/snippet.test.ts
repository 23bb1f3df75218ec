import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { snippetOf } from './snippet.ts';

const terms = (...words: string[]) => words.map((text) => ({ text, isPhrase: false }));
const markedIn = (text: string, ...words: string[]): string[] => {
  const snippet = snippetOf(text, terms(...words));
  return snippet.marks.map(([from, to]) => snippet.text.slice(from, to));
};

it('marks words whatever their case, accents and ends, and rows of characters', () => {
  expect(markedIn('The Retries of retry, RETRY.', 'retry', 'retri')).toEqual(['Retries', 'retry', 'RETRY']);
  expect(markedIn('une Mémoire', 'memoire')).toEqual(['Mémoire']);
  expect(markedIn('the createSpaceRunner here', 'runner')).toEqual(['createSpaceRunner']);
  expect(markedIn('永続記憶の検索', '記憶', '検索')).toEqual(['記憶', '検索']);
  expect(markedIn('src/upload/retry.ts', 'retry.ts')).toEqual(['retry', 'ts']);
});

it('shows the place that holds most of the words', () => {
  const text = `alpha ${'x '.repeat(500)} alpha and beta together ${'y '.repeat(500)} beta`;
  const { text: line } = snippetOf(text, terms('alpha', 'beta'));
  expect(line).toContain('alpha and beta together');
  expect(line.startsWith('…') && line.endsWith('…')).toBe(true);
  expect(snippetOf('no such word here', terms('zebra'))).toEqual({ text: 'no such word here', marks: [] });
});

it('is one short line with marks inside of it, for any text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 2_000 }),
      fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 })),
      (text, words) => {
        const { text: line, marks } = snippetOf(text, terms(...words));
        expect(line).not.toMatch(/[\n\r]/);
        expect(line).not.toMatch(/\p{Surrogate}/u);
        expect(line.length).toBeLessThan(600);
        let last = 0;
        for (const [from, to] of marks) {
          expect([from >= last, to > from, to <= line.length]).toEqual([true, true, true]);
          last = to;
        }
      },
    ),
  );
});
