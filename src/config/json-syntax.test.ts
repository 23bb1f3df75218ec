import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { notJsonText, whereNotJson } from './json-syntax.ts';

describe('where a text stops being JSON', () => {
  it.each([
    ['', 1, 1],
    ['{', 1, 2],
    ['{"a": 1,}', 1, 9],
    ['{\n  "a": {"b": "c"\n  "d": 1\n}', 3, 3],
    ['{"a" 1}', 1, 6],
    ["{'a': 1}", 1, 2],
    ['{"a": x}', 1, 7],
    ['{"a": 01}', 1, 8],
    ['{"a": [1, 2}', 1, 12],
    ['{} {}', 1, 4],
    ['{"a": "cut', 1, 7],
    ['[1,]', 1, 4],
  ])('%j: line %i, column %i', (text, line, column) => {
    expect(whereNotJson(text)).toEqual({ line, column });
    expect(notJsonText(text)).toBe(text === '' ? 'is not JSON: it is empty' : `is not JSON at line ${line}, column ${column}`);
  });

  it('is nowhere in what is JSON, and somewhere in what is not', () => {
    fc.assert(fc.property(fc.json(), (text) => whereNotJson(text) === null));
    const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '1', '-', '"', 'true', ' ', '\n', '\\', 'e5'), {
      maxLength: 9,
    });
    const parses = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        expect(whereNotJson(text) === null).toBe(parses(text));
      }),
      { numRuns: 5_000 },
    );
  });
});
