import { describe, expect, it } from 'vitest';
import { encodeCanonical } from '../core/canonical.ts';
import type { Content } from '../core/content.ts';
import type { ContentDigest, ObjectId } from '../core/ids.ts';
import { decodeContent, decodeContentOrNull, encodeContent, encodeContentOrNull } from './content-codec.ts';

const content: Content = {
  digest: 'ab'.repeat(32) as ContentDigest,
  size: 3_000_000_000,
  attributes: { mode: 493 },
  pieces: Array.from({ length: 100 }, (_, n) => ({
    object: n.toString(16).padStart(64, '0') as ObjectId,
    keyId: 1,
    offset: 0,
    length: 131_072,
  })),
};

// The round trip of arbitrary contents is a law of the store contract.
describe('content codec', () => {
  it('takes about 40 bytes a piece', () => {
    expect(encodeContent(content).length).toBeLessThan(100 * 41 + 64);
    expect(decodeContent(encodeContent(content))).toEqual(content);
  });

  it('tells no content from an empty one', () => {
    const empty: Content = { ...content, size: 0, attributes: {}, pieces: [] };
    expect(decodeContentOrNull(encodeContentOrNull(null))).toBeNull();
    expect(decodeContentOrNull(encodeContentOrNull(empty))).toEqual(empty);
  });

  it('refuses what is no content', () => {
    const digest = new Uint8Array(32);
    const wrong = [
      null,
      [],
      [digest, 1, {}, new Uint8Array(31), [1, 2, 3]],
      [digest, 1, {}, new Uint8Array(32), [1, 2]],
      ['x', 1, {}, digest, [1, 2, 3]],
    ];
    for (const value of wrong) expect(() => decodeContent(encodeCanonical(value))).toThrow('damaged');
    expect(() => decodeContent(encodeContent(content).subarray(0, 50))).toThrow('damaged');
  });
});
