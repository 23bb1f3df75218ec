import { describe, expect, it } from 'vitest';
import { endAbove, revisionAt, stateAbove, wordAbove } from './told-revisions.ts';

const above = (a: string | null, b: string): boolean => a !== null && BigInt(a) > BigInt(b);

describe('revisions of what a feed tells beside the words of devices', () => {
  it('grow with the log, a position of a later term above all of the one before, and above what devices count', () => {
    const grown = [revisionAt(0, 0), revisionAt(0, 1), revisionAt(0, 1_000_000_000), revisionAt(1, 0), revisionAt(8_000, 5)];
    for (const [at, each] of grown.slice(1).entries()) expect(above(each, grown[at]!)).toBe(true);
    expect(above(revisionAt(0, 0), '1000000000')).toBe(true);
    expect(BigInt(grown.at(-1)!) < 2n ** 63n).toBe(true);
  });

  it('tell a word of a device once more where no other word or state is told, whatever was told above the state before', () => {
    const state = revisionAt(3, 70);
    const [second, third] = [wordAbove(state, '2'), wordAbove(state, '3')];
    expect(above(second, state) && above(third, second)).toBe(true);
    // At this node the second was told, and the state again; at another only the third.
    const again = stateAbove(state, second)!;
    expect(above(again, second) && above(third, again)).toBe(true);
    expect(wordAbove(again, '3')).toBe(third);
    expect(above(revisionAt(3, 71), stateAbove(state, third)!)).toBe(true);
  });

  it('tell a state again above each of 100,000 words that left it in place', () => {
    const state = revisionAt(0, 9);
    let last = state;
    for (let word = 1; word <= 100_000; word += 1) {
      const told = wordAbove(last, String(word));
      const again = stateAbove(state, told);
      if (!above(told, last) || !above(again, told)) expect.fail(`word ${word}`);
      last = again!;
    }
    expect(above(revisionAt(0, 10), last)).toBe(true);
  });

  it('tell no state where a later one was told', () => {
    expect(stateAbove(revisionAt(0, 9), revisionAt(0, 10))).toBeNull();
    expect(stateAbove(revisionAt(0, 9), wordAbove(revisionAt(0, 10), '4'))).toBeNull();
    expect(stateAbove(revisionAt(0, 9), '4')).toBe(revisionAt(0, 9));
  });

  it('tell that a row goes by another name where no state and no word is told, above what was, and the row again above that', () => {
    const state = revisionAt(3, 70);
    const [word, other] = [wordAbove(state, '2'), wordAbove(state, '1')];
    const told = [state, other, stateAbove(state, other)!, word, stateAbove(state, word)!].slice(1);
    for (const before of ['4', revisionAt(3, 69), state, word, stateAbove(state, word)!]) {
      const end = endAbove(state, before)!;
      expect(above(end, before) && above(end, state) && above(revisionAt(3, 71), end)).toBe(true);
      expect(told).not.toContain(end);
    }
    expect(above(stateAbove(state, endAbove(state, state)!), endAbove(state, state)!)).toBe(true);
    expect(endAbove(state, revisionAt(3, 71))).toBeNull();
  });

  it('go on above what versions before 2026-12 served', () => {
    const [state, again] = [(((1n << 40n) + 3_000n) << 10n).toString(), (((1n << 40n) + 3_000n) * 1024n + 1n).toString()];
    expect(above(wordAbove(state, '5'), state) && above(wordAbove(again, '6'), again)).toBe(true);
    expect(above(revisionAt(0, 3_000), again)).toBe(true);
  });
});
