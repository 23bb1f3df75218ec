/**
 * The smallest text that sorts (by UTF-8 bytes) behind everything that begins with `prefix`, or `null` where there is
 * none. With it a search by prefix is a range of an index.
 */
export function endOfPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === LAST_POINT) continue;
    points.push(last + 1 === FIRST_SURROGATE ? AFTER_SURROGATES : last + 1);
    return String.fromCodePoint(...points);
  }
  return null;
}

const LAST_POINT = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const AFTER_SURROGATES = 0xe000;
