import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../core/content.ts';
import { joinLines, splitLines } from './split-lines.ts';
import { textKind } from './text.ts';

const of = (text: string, attributes: Attributes = {}) => ({ body: new Uint8Array(Buffer.from(text)), attributes });

/** The merged text, or why there is none. */
function merge(base: string | null, theirs: string, ours: string): string {
  const outcome = textKind.merge({
    name: 'a.md',
    base: base === null ? null : of(base),
    theirs: of(theirs),
    ours: of(ours),
  });
  if (outcome.type === 'merged') return Buffer.from(outcome.version.body).toString();
  return outcome.type === 'conflict' && outcome.merged === undefined ? `! ${outcome.reason}` : outcome.type;
}

const sprinkle = (line: string, every: number): string => Array.from({ length: 20_000 }, (_, i) => (i % every ? 'x\n' : line)).join('');

const OVERLAP = '! both sides changed the same lines';
const DIFFERENT = '! both sides added different texts';

describe('text merges by lines', () => {
  it.each<[string, string, string, string, string]>([
    ['changes apart', 'a\nb\nc\n', 'A\nb\nc\n', 'a\nb\nC\n', 'A\nb\nC\n'],
    ['the same change', 'a\nb\n', 'a\nX\n', 'a\nX\n', 'a\nX\n'],
    ['the same change and one apart', 'a\nb\nc\nd\n', 'X\nb\nc\nd\n', 'X\nb\nc\nD\n', 'X\nb\nc\nD\n'],
    ['a removal and an addition apart', 'a\nb\nc\nd\n', 'b\nc\nd\n', 'a\nb\nc\nnew\nd\n', 'b\nc\nnew\nd\n'],
    ['changes that touch', 'a\nb\n', 'A\nb\n', 'a\nB\n', OVERLAP],
    ['two additions in one place', 'a\n', 'a\nt\n', 'a\no\n', OVERLAP],
    ['a change of what the other removed', 'a\nb\nc\n', 'a\nc\n', 'a\nB\nc\n', OVERLAP],
    ['an unended last line that both keep', 'a\nb\nc', 'A\nb\nc', 'a\nb\nc\nd', 'A\nb\nc\nd'],
    ['one side ends the last line, the other edits above', 'a\nb\nc', 'a\nb\nc\n', 'A\nb\nc', 'A\nb\nc\n'],
    ['one side takes the end of the last line', 'a\nb\nc\n', 'a\nb\nc', 'A\nb\nc\n', 'A\nb\nc'],
    ['CRLF stays', 'a\r\nb\r\nc\r\n', 'A\r\nb\r\nc\r\n', 'a\r\nb\r\nC\r\n', 'A\r\nb\r\nC\r\n'],
    ['one side moves to CRLF, the other edits', 'a\nb\nc\n', 'a\r\nb\r\nc\r\n', 'a\nb\nC\n', 'a\r\nb\r\nC\r\n'],
    ['mixed line ends stay as they are', 'a\r\nb\nc\nd\r\n', 'A\r\nb\nc\nd\r\n', 'a\r\nb\nc\nD\r\n', 'A\r\nb\nc\nD\r\n'],
    ['a byte order mark stays', '\uFEFFa\nb\nc\n', '\uFEFFa\nb\nC\n', '\uFEFFA\nb\nc\n', '\uFEFFA\nb\nC\n'],
    ['blank lines', '\n\n\n', 'a\n\n\n\n', '\n\n\nz\n', 'a\n\n\n\nz\n'],
    ['lines named like members of objects', '__proto__\nb\nconstructor\n', '__proto__\nb\n', 'toString\nb\nconstructor\n', 'toString\nb\n'],
    [
      'lines that look like conflict markers',
      '<<<<<<<\na\n=======\n',
      '<<<<<<<\na\n=======\nx\n',
      'y\n<<<<<<<\na\n=======\n',
      'y\n<<<<<<<\na\n=======\nx\n',
    ],
    ['all was removed, and something was added', 'a\nb\nc\n', '', 'a\nb\nc\nd\n', OVERLAP],
    ['a moved line with an edit elsewhere', 'a\nb\nc\nd\ne\n', 'b\na\nc\nd\ne\n', 'a\nb\nc\nd\nE\n', 'b\na\nc\nd\nE\n'],
  ])('%s', (_, base, theirs, ours, expected) => {
    expect(merge(base, theirs, ours)).toBe(expected);
    expect(merge(base, ours, theirs)).toBe(expected);
  });

  it.each<[string, string, string, string]>([
    ['one begins like the other', 'a\n', 'a\nb\n', 'a\nb\n'],
    ['one holds the other in order', 'a\nx\nb\n', 'a\nb\n', 'a\nx\nb\n'],
    ['one is empty', '', 'a\n', 'a\n'],
    ['each has its own', 'a\nb\n', 'a\nc\n', DIFFERENT],
    ['the same lines in another order', 'a\nb\n', 'b\na\n', DIFFERENT],
  ])('without a base: %s', (_, theirs, ours, expected) => {
    expect(merge(null, theirs, ours)).toBe(expected);
    expect(merge(null, ours, theirs)).toBe(expected);
  });

  it('keeps the shown bytes where both added the same lines', () => {
    expect(merge(null, 'a\r\nb\r\n', 'a\nb\n')).toBe('a\r\nb\r\n');
  });

  it.each([[Uint8Array.of(0xff, 0xfe)], [Uint8Array.of(0x61, 0, 0x62)], [Uint8Array.of(0xed, 0xa0, 0x80)]])(
    'what is not text is a conflict: %s',
    (body) => {
      const outcome = textKind.merge({ name: 'a', base: of('1'), theirs: of('2'), ours: { body, attributes: {} } });
      expect(outcome).toEqual({ type: 'conflict', reason: 'a side is not UTF-8 text, or is too large to merge' });
    },
  );
});

describe('attributes merge by key, apart from the body', () => {
  const base = of('a\nb\nc\n', {});

  it('a changed mode and a changed text merge', () => {
    const outcome = textKind.merge({ name: 'x.sh', base, theirs: of('a\nb\nc\n', { mode: 493 }), ours: of('A\nb\nc\n', {}) });
    expect(outcome).toEqual({ type: 'merged', version: of('A\nb\nc\n', { mode: 493 }) });
  });

  it('two different modes are a conflict that settles the text', () => {
    const outcome = textKind.merge({ name: 'x.sh', base, theirs: of('a\nb\nC\n', { mode: 493 }), ours: of('A\nb\nc\n', { mode: 448 }) });
    expect(outcome).toEqual({ type: 'conflict', merged: of('A\nb\nC\n', { mode: 493 }), reason: 'both sides changed "mode"' });
  });

  it('says nothing of a merged body that would be theirs', () => {
    const outcome = textKind.merge({ name: 'x.sh', base, theirs: of('a\nb\nC\n', { mode: 493 }), ours: of('a\nb\nc\n', { mode: 448 }) });
    expect(outcome).toEqual({ type: 'conflict', reason: 'both sides changed "mode"' });
  });

  it('the targets of symbolic links are never put together', () => {
    const outcome = textKind.merge({ name: 'x', base, theirs: of('a\nb\nC\n', {}), ours: of('A\nb\nc\n', { link: true }) });
    expect(outcome.type).toBe('conflict');
  });
});

describe('the cost of foreign texts is bounded', () => {
  const big = 'x'.repeat(5_000_000);
  const same = 'x\n'.repeat(100_000);
  const unique = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`);

  it('one long line', () => expect(merge(big, `${big}t`, `${big}o`)).toBe(OVERLAP));

  it('many equal lines, changed in places apart', () => {
    expect(merge(same, `t\n${same}`, `${same}o\n`)).toBe(`t\n${same}o\n`);
  });

  it('many equal lines, changed here and there', () => {
    expect(merge('x\n'.repeat(20_000), sprinkle('t\n', 100), sprinkle('o\n', 99))).toBe('! both sides changed too much to merge');
  });

  it('many different lines, changed here and there', () => {
    const theirs = unique.map((text, i) => (i % 10 === 0 ? `t${text}` : text));
    const ours = unique.map((text, i) => (i % 10 === 5 ? `o${text}` : text));
    const both = unique.map((text, i) => (i % 10 === 0 ? `t${text}` : i % 10 === 5 ? `o${text}` : text));
    expect(merge(unique.join(''), theirs.join(''), ours.join(''))).toBe(both.join(''));
  });

  it('all lines in another order on each side', () => {
    expect(merge(unique.join(''), unique.toReversed().join(''), unique.toSorted().join(''))).toMatch(/^! both sides changed/);
  });
});

describe('splitting lines', () => {
  it('comes back to the same text', () => {
    const text = fc.array(fc.constantFrom('a', '\r', '\n', '\r\n', ''), { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (value) => {
        expect(joinLines(splitLines(value))).toBe(value);
      }),
      { numRuns: 2_000 },
    );
  });
});
