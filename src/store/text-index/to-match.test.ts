import * as fc from 'fast-check';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { toMatch } from './to-match.ts';
import { anyCharacter } from '../../../tests/doubles/any-character.ts';

const word = (text: string) => ({ text, isPhrase: false });

it('finds a word, and what begins with it', () => {
  expect(toMatch([word('retry'), word('up')], 'all')).toBe('("retry" OR "retry"*) AND "up"');
  expect(toMatch([word('retry'), { text: 'in upload', isPhrase: true }], 'some')).toBe('("retry" OR "retry"*) OR "in upload"');
  expect(toMatch([word('a.b')], 'all')).toBe('"a b" OR ("a" AND "b")');
  expect(toMatch([word('検索x')], 'all')).toBe('"検 索 x" OR ("検 索" AND "x")');
  expect(toMatch([word('"'), word('->')], 'all')).toBeNull();
});

it('never is an expression that FTS5 does not take, whatever is typed', () => {
  const database = new Database(':memory:');
  database.exec("create virtual table words using fts5(text, tokenize='unicode61 remove_diacritics 2')");
  const find = database.prepare('select rowid from words where words match ?');
  const text = fc.oneof(
    fc.string({ unit: anyCharacter }),
    fc.constantFrom('"', '""', 'NEAR(', 'a*', '-b', 'text:c', '^d', 'e AND', '\0', '+', '\ud800', '́'),
  );
  fc.assert(
    fc.property(fc.array(fc.record({ text, isPhrase: fc.boolean() }), { maxLength: 8 }), fc.constantFrom('all', 'some'), (terms, match) => {
      const expression = toMatch(terms, match);
      expect(expression === null ? [] : find.all(expression)).toEqual([]);
    }),
  );
  database.close();
});
