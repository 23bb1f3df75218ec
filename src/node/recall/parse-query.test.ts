import { expect, it } from 'vitest';
import { parseQuery } from './parse-query.ts';

it('knows words and phrases, each once, and no other syntax', () => {
  expect(parseQuery('retry "upload queue" retry -x OR "open')).toEqual({
    ok: true,
    value: [
      { text: 'retry', isPhrase: false },
      { text: 'upload queue', isPhrase: true },
      { text: '-x', isPhrase: false },
      { text: 'OR', isPhrase: false },
      { text: '"open', isPhrase: false },
    ],
  });
  expect(parseQuery('  ')).toEqual({ ok: true, value: [] });
});

it('says what cannot be searched for', () => {
  expect(parseQuery('"" -> {}')).toMatchObject({ ok: false, error: expect.stringContaining('no word') as string });
  const many = Array.from({ length: 65 }, (_, i) => `w${i}`).join(' ');
  expect(parseQuery(many)).toMatchObject({ ok: false, error: expect.stringContaining('65') as string });
});
