import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { endOfPrefix } from './name-range.ts';

const points = fc.constantFrom('a', 'b', '\u007F', '\u0080', '\uD7FF', '\uE000', '\uFFFF', '\u{10000}', '\u{10FFFF}');
const texts = fc.array(points, { maxLength: 5 }).map((each) => each.join(''));
const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

it('bounds exactly what begins with the prefix', () => {
  fc.assert(
    fc.property(texts, texts, (prefix, text) => {
      const end = endOfPrefix(prefix);
      const inRange = compare(text, prefix) >= 0 && (end === null || compare(text, end) < 0);
      expect(inRange).toBe(text.startsWith(prefix));
    }),
    { numRuns: 2_000 },
  );
});

it('has no end for what nothing sorts behind', () => {
  expect(endOfPrefix('')).toBeNull();
  expect(endOfPrefix('\u{10FFFF}')).toBeNull();
  expect(endOfPrefix('a\u{10FFFF}')).toBe('b');
  expect(endOfPrefix('\uD7FF')).toBe('\uE000');
});
