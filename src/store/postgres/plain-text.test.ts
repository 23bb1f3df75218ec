import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromPlainText, toPlainText } from './plain-text.ts';

const texts = fc
  .array(fc.constantFrom('\u0000', '\u0001', '\u0002', 'a', 'é', '\u{10FFFF}'), { maxLength: 6 })
  .map((each) => each.join(''));
const byBytes = (one: string, other: string) => Math.sign(Buffer.compare(Buffer.from(one), Buffer.from(other)));

describe('text for PostgreSQL', () => {
  it('holds no U+0000, and comes back as it was', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(toPlainText(text)).not.toContain('\u0000');
        expect(fromPlainText(toPlainText(text))).toBe(text);
      }),
    );
  });

  it('sorts and begins as it did', () => {
    fc.assert(
      fc.property(texts, texts, (one, other) => {
        expect(byBytes(toPlainText(one), toPlainText(other))).toBe(byBytes(one, other));
        expect(toPlainText(one + other).startsWith(toPlainText(one))).toBe(true);
      }),
    );
  });
});
