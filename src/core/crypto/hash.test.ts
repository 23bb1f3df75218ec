import { hkdfSync } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { deriveKey } from './hash.ts';

it('derives the keys that HKDF-SHA256 derives', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(bytes, fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 1100 }), fc.option(bytes), (key, label, length, salt) => {
      const expected = new Uint8Array(hkdfSync('sha256', key, salt ?? '', label, length));
      expect(new Uint8Array(deriveKey(key, label, length, salt ?? undefined))).toEqual(expected);
    }),
  );
});
