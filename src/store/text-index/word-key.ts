import { createHash } from 'node:crypto';

/** Above every character that stands in a word. */
const LAST = '\u{10ffff}';
/** Of a key, UTF-16 units: an index of PostgreSQL takes some 2,700 bytes. */
const LONGEST = 256;

/** What a word is looked up by: itself, or of a long one its beginning, and a hash behind a space, which no word has. */
export function wordKey(word: string): string {
  return word.length <= LONGEST ? word : `${headOf(word)} ${createHash('sha256').update(word).digest('hex')}`;
}

export function isLongWord(word: string): boolean {
  return word.length > LONGEST;
}

/** Between which keys all words are that begin so; and some that do not, where it is long. Both inclusive. */
export function keysBeginning(beginning: string): readonly [from: string, to: string] {
  const head = headOf(beginning);
  return [head, `${head}${LAST}`];
}

/** Never half a character. */
function headOf(word: string): string {
  const head = word.slice(0, LONGEST);
  return /[\ud800-\udbff]$/.test(head) ? head.slice(0, -1) : head;
}
