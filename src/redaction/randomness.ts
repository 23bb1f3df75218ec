/** Shannon entropy of a text's characters, in bits a character. O(length). */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...counts.values()].reduce((bits, count) => bits - (count / total) * Math.log2(count / total), 0);
}

const SHORTEST = 16;
const HEX = /^[0-9a-f]+$/i;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Whether a word looks as if a machine had rolled it: no name, path, version, date or number. `strict` where nothing else
 * speaks for a secret. Hashes of public things look the same, which nobody can tell apart.
 */
export function looksRandom(word: string, strict = false): boolean {
  const least = strict ? 20 : SHORTEST;
  if (word.length < least || word.length > 4_096) return false;
  if (UUID.test(word)) return !strict;
  if (HEX.test(word)) return word.length >= (strict ? 32 : 24) && /[a-f]/i.test(word) && /\d/.test(word) && entropy(word) > 3;
  // What people make up are words and numbers with something in between.
  const mixed = word
    .split(/[-_.:/+~@=]/)
    .filter(isMixed)
    .join('');
  return mixed.length >= least * 0.75 && entropy(word) > (strict ? 3.5 : 3.2);
}

/** Digits among letters, or upper and lower case in turns, as no word has them. */
function isMixed(part: string): boolean {
  if (part.length < 6) return false;
  const turns = [...part.matchAll(/[a-z](?=[A-Z\d])|\d(?=[A-Za-z])|[A-Z](?=\d)/g)].length;
  return turns >= Math.max(2, part.length / 12);
}
