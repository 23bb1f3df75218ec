import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffLines } from './diff-lines.ts';

describe('diffLines', () => {
  it('leads from the first text to the second, and leaves equal lines out', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { maxLength: 25 });
    fc.assert(
      fc.property(text, text, (before, after) => {
        const made = [...before];
        for (const { from, removed, to, added } of diffLines(before, after).toReversed()) {
          made.splice(from, removed, ...after.slice(to, to + added));
        }
        expect(made).toEqual(after);
        if (before.join() === after.join()) expect(diffLines(before, after)).toEqual([]);
      }),
    );
  });

  it('finds a change among many equal lines', () => {
    const before = Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? '' : `line ${i}`));
    expect(diffLines(before, before.toSpliced(9_999, 1, 'x', 'y'))).toEqual([{ from: 9_999, removed: 1, to: 9_999, added: 2 }]);
  });

  it('replaces as a whole what would take too long to compare', () => {
    const blanks = (mark: string) => Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? '' : `${mark} ${i}`));
    expect(diffLines(blanks('a').slice(1), blanks('b').slice(1))).toEqual([{ from: 0, removed: 19_999, to: 0, added: 19_999 }]);
  });
});
