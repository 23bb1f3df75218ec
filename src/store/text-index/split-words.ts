/** Scripts that are written without spaces between words: each character counts as a word, and a word is a row of them. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;
const ASCII = /^[\u0000-\u007f]*$/;
/** Inside of a name of several words, as programs have them: `createSpaceRunner`. */
const SEAM = /[a-z0-9][A-Z]/g;
const LETTER = /[A-Za-z0-9]/;
const PARTS = /[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+/g;
const LONGEST_COMPOUND = 64;
/** Shorter parts are no words, but what random letters look like. */
const SHORTEST_PARTS = 3;

/** A text as it is given to FTS5 to be indexed, whose words are rows of letters and digits: one more form for what that misses. O(size). */
export function toIndexed(text: string): string {
  const spaced = spaceOut(text);
  let [made, done] = ['', 0];
  SEAM.lastIndex = 0;
  for (let seam = SEAM.exec(spaced); seam !== null; seam = SEAM.exec(spaced)) {
    // Not by a regular expression: on a long row of letters that takes the square of its length.
    let [from, to] = [seam.index, seam.index + 2];
    while (from > done && LETTER.test(spaced[from - 1] as string)) from -= 1;
    while (to < spaced.length && LETTER.test(spaced[to] as string)) to += 1;
    made += spaced.slice(done, from) + withParts(spaced.slice(from, to));
    SEAM.lastIndex = done = to;
  }
  return made + spaced.slice(done);
}

/** The words of a query's word, in order, as they stand in the index. */
export function wordsOf(text: string): string[] {
  return spaceOut(text.replaceAll('\0', ' ')).match(/[\p{L}\p{N}\p{Co}][\p{L}\p{N}\p{Co}\p{M}]*/gu) ?? [];
}

/** Whether a word is written in a script without spaces, so that its end is no word's end. */
export function isUnspaced(word: string): boolean {
  return word.search(UNSPACED) !== -1;
}

/** A word without case and accents, as FTS5 compares words. */
export function foldWord(word: string): string {
  return word
    .normalize('NFD')
    .replaceAll(/\p{M}+/gu, '')
    .toLowerCase();
}

function spaceOut(text: string): string {
  return ASCII.test(text) ? text : text.normalize('NFC').replaceAll(UNSPACED, ' $& ');
}

function withParts(name: string): string {
  if (name.length > LONGEST_COMPOUND) return name;
  const parts = name.match(PARTS) ?? [];
  return parts.length < 2 || name.length < parts.length * SHORTEST_PARTS ? name : `${name} ${parts.join(' ')}`;
}
