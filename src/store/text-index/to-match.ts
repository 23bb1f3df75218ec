import type { SearchTerm } from '../../core/ports/text-index.ts';
import { isUnspaced, toIndexed, wordsOf } from './split-words.ts';

/** A shorter word begins too many others. */
const SHORTEST_BEGINNING = 3;

/**
 * The expression that FTS5 understands; `null` where no term holds a word. What the query holds never gets into it but as quoted words of
 * letters and digits. A word is found as it is, and as the beginning of longer ones, which counts less.
 */
export function toMatch(terms: readonly SearchTerm[], match: 'all' | 'some'): string | null {
  const parts = terms.map(partOf).filter((part) => part !== '');
  if (parts.length === 0) return null;
  return parts.join(match === 'all' ? ' AND ' : ' OR ');
}

function partOf({ text, isPhrase, alike = [] }: SearchTerm): string {
  const own = isPhrase ? phrase(wordsOf(toIndexed(text))) : word(wordsOf(text));
  const all = [own, ...alike.map((each) => phrase(wordsOf(each)))].filter((part) => part !== '');
  return all.length < 2 ? (all[0] ?? '') : `(${all.join(' OR ')})`;
}

function phrase(words: readonly string[]): string {
  return words.length === 0 ? '' : `"${words.join(' ')}"`;
}

/** `a.b` is the row of its words, or at least each of them. */
function word(words: readonly string[]): string {
  const [only] = words;
  if (only === undefined) return '';
  if (words.length === 1) return alone(only);
  const rows = rowsOf(words);
  if (rows.length === 1) return phrase(words);
  return `(${phrase(words)} OR (${rows.map((row) => (row.length === 1 ? alone(row[0] as string) : phrase(row))).join(' AND ')}))`;
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

function alone(each: string): string {
  return isUnspaced(each) || Array.from(each).length < SHORTEST_BEGINNING ? `"${each}"` : `("${each}" OR "${each}"*)`;
}
