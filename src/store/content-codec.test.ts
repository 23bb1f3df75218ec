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

  it('knows long contents again by all of their bytes', () => {
    const long = (length: number): Content => ({
      ...content,
      pieces: [...content.pieces, ...content.pieces, { ...content.pieces[0]!, length }],
    });
    const [one, other] = [long(1), long(2)];
    const bytes = encodeContent(one);
    expect(decodeContent(Uint8Array.from(bytes))).toBe(one);
    expect(decodeContent(encodeContent({ ...other }))).toEqual(other);
    expect(decodeContent(bytes)).toEqual(one);
    for (let length = 3; length < 20; length += 1) encodeContent(long(length));
    expect(decodeContent(bytes)).not.toBe(one);
    expect(decodeContent(bytes)).toEqual(one);
    const damaged = Uint8Array.from(bytes);
    damaged[0] = 0;
    expect(() => decodeContent(damaged)).toThrow('damaged');
  });

  it('writes a long content once, though its pieces stand in another list; another one of the same pieces is its own', () => {
    const pieces = [...content.pieces, ...content.pieces];
    const one = { ...content, pieces };
    const bytes = encodeContent(one);
    expect(encodeContent({ ...one, pieces: [...pieces] })).toBe(bytes);
    for (const other of [
      { ...one, digest: 'cd'.repeat(32) as ContentDigest },
      { ...one, size: 1 },
      { ...one, attributes: {} },
      { ...one, pieces: pieces.slice(1) },
      { ...one, pieces: [...pieces.slice(1), { ...content.pieces[0]!, length: 1 }] },
    ])
      expect(decodeContentOrNull(encodeContent(other))).toEqual(other);
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
