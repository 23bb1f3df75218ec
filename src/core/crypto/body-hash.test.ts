import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyHash, bodySha256 } from './body-hash.ts';

const plainly = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('the hash of a body', () => {
  it('is SHA-256, asked once or again, small or large', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(1, 1_000), (piece, times) => {
        const body = Buffer.concat(Array.from({ length: times }, () => piece));
        for (let time = 0; time < 3; time++) expect(hex(bodySha256(body))).toBe(plainly(body));
        expect(bodyHash(body).copy().digest('hex')).toBe(plainly(body));
        expect(hex(bodySha256(body))).toBe(plainly(body));
      }),
      { numRuns: 50 },
    );
  });

  it('goes on without changing what was asked for', () => {
    const body = Buffer.alloc(100_000, 'a');
    const longer = bodyHash(body).copy().update('tail').digest('hex');
    expect(longer).toBe(plainly(Buffer.concat([body, Buffer.from('tail')])));
    expect(hex(bodySha256(body))).toBe(plainly(body));
  });
});
