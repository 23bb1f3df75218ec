import * as fc from 'fast-check';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFts5Words } from './fts5-words.ts';
import { anyCharacter } from '../../../tests/doubles/any-character.ts';

let database: Database.Database;
beforeAll(() => {
  database = new Database(':memory:');
  database.exec(`create virtual table texts using fts5(text, tokenize='unicode61 remove_diacritics 2');
    create virtual table words using fts5vocab(texts, instance)`);
});
afterAll(() => database.close());

/** What FTS5 itself makes of a text. */
function fts5(text: string): string[] {
  database.prepare('insert into texts (rowid, text) values (1, ?)').run(text);
  const found = database.prepare('select term from words order by offset').pluck().all() as string[];
  database.prepare('delete from texts').run();
  return found;
}

const split = createFts5Words();

it('cuts texts into words without case and accents', () => {
  expect(split('Überraschung: naïve_X 12é')).toEqual(['uberraschung', 'naive', 'x', '12e']);
  expect(split('e\u0301te\u0301 \u0301x 🚀 ß')).toEqual(['ete', 'x', 'ß']);
});

/** All that have case and accents; of those behind some: it is a law of characters, and of all of them would take ten seconds. */
const STEPS = [
  { from: 0x80, to: 0x3400, step: 1 },
  { from: 0x3400, to: 0x110000, step: 97 },
];

it('cuts characters as FTS5 does, alone, between others, and next to an accent', () => {
  for (const { from, to, step } of STEPS) {
    const points = Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step);
    const text = points.map((point) => String.fromCodePoint(point)).map((each) => ` ${each} a${each}b ${each}\u0301${each}`);
    expect(split(text.join('')).join(' ') === fts5(text.join('')).join(' ')).toBe(true);
  }
});

it('cuts any text as FTS5 does', () => {
  const text = fc.oneof(
    fc.string({ unit: anyCharacter }),
    fc
      .array(fc.constantFrom('a', 'É', '\u0301', ' ', '\0', '\ud800', 'İ', 'ſ', 'हिन्दी', '१'), { maxLength: 20 })
      .map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (given) => {
      expect(split(given)).toEqual(fts5(given));
    }),
  );
});
