import * as fc from 'fast-check';

const SURROGATES = { from: 0xd800, to: 0xdfff };
const MOST = 0x10_ffff - (SURROGATES.to - SURROGATES.from + 1);

/**
 * Any character of Unicode, as a unit of `fc.string`. fast-check's own, `'binary'`, is the same; to shrink what it did not make it
 * builds a table of a million strings in each process: most of a second, and as much memory to go through with each collection.
 */
export const anyCharacter: fc.Arbitrary<string> = fc.nat({ max: MOST }).map(
  (at) => String.fromCodePoint(at < SURROGATES.from ? at : at + (SURROGATES.to - SURROGATES.from + 1)),
  (character) => {
    const point = typeof character === 'string' ? character.codePointAt(0) : undefined;
    if (point === undefined || String.fromCodePoint(point) !== character) throw new Error('not one character');
    if (point >= SURROGATES.from && point <= SURROGATES.to) throw new Error('half a character');
    return point < SURROGATES.from ? point : point - (SURROGATES.to - SURROGATES.from + 1);
  },
);
