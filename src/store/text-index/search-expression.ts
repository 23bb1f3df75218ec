import type { SearchTerm } from '../../core/ports/text-index.ts';
import { isUnspaced, toIndexed, wordsOf } from './split-words.ts';

/** What a passage has to hold, in the same words for every database. */
export type SearchExpression =
  /** Words side by side; the last one may be the beginning of a longer one. */
  | { readonly type: 'phrase'; readonly words: readonly string[]; readonly isBeginning: boolean }
  | { readonly type: 'all' | 'some'; readonly parts: readonly SearchExpression[] };

/** A shorter word begins too many others. */
const SHORTEST_BEGINNING = 3;

/**
 * `null` where no term holds a word. A word is found as it is, and as the beginning of longer ones, which counts less. No part of an
 * expression has less than two parts.
 */
export function toExpression(terms: readonly SearchTerm[], match: 'all' | 'some'): SearchExpression | null {
  return joined(match, terms.map(partOf));
}

function partOf({ text, isPhrase, alike = [] }: SearchTerm): SearchExpression | null {
  const own = isPhrase ? phrase(wordsOf(toIndexed(text))) : word(wordsOf(text));
  return joined('some', [own, ...alike.map((each) => phrase(wordsOf(each)))]);
}

function phrase(words: readonly string[]): SearchExpression | null {
  return words.length === 0 ? null : { type: 'phrase', words, isBeginning: false };
}

/** `a.b` is the row of its words, or at least each of them. */
function word(words: readonly string[]): SearchExpression | null {
  const [only] = words;
  if (only === undefined) return null;
  if (words.length === 1) return alone(only);
  const rows = rowsOf(words);
  if (rows.length === 1) return phrase(words);
  const each = rows.map((row) => (row.length === 1 ? alone(row[0] as string) : phrase(row)));
  return joined('some', [phrase(words), joined('all', each)]);
}

/** Characters of scripts without spaces stay together, whatever else. */
function rowsOf(words: readonly string[]): string[][] {
  const rows: string[][] = [];
  let wasUnspaced = false;
  for (const each of words) {
    const unspaced = isUnspaced(each);
    if (unspaced && wasUnspaced) rows.at(-1)?.push(each);
    else rows.push([each]);
    wasUnspaced = unspaced;
  }
  return rows;
}

function alone(each: string): SearchExpression | null {
  const whole = phrase([each]);
  if (isUnspaced(each) || Array.from(each).length < SHORTEST_BEGINNING) return whole;
  return joined('some', [whole, { type: 'phrase', words: [each], isBeginning: true }]);
}

function joined(type: 'all' | 'some', parts: readonly (SearchExpression | null)[]): SearchExpression | null {
  const there = parts.filter((part) => part !== null);
  return there.length < 2 ? (there[0] ?? null) : { type, parts: there };
}
