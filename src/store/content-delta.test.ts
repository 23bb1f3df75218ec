import { describe, expect, it } from 'vitest';
import { encodeCanonical } from '../core/canonical.ts';
import type { Content, Piece } from '../core/content.ts';
import { sha256Hex } from '../core/crypto/hash.ts';
import type { ContentDigest, ObjectId } from '../core/ids.ts';
import { encodeContent } from './content-codec.ts';
import { checkOf, decodeDelta, depthOfDelta, encodeDelta, recentDelta, type DeltaBase, type StoredContent } from './content-delta.ts';

const pieces = (name: string, count: number): Piece[] =>
  Array.from({ length: count }, (_, n) => ({ object: sha256Hex(`${name} ${n}`) as ObjectId, keyId: 3, offset: n, length: 2_000 }));

function contentOf(name: string, made: readonly Piece[]): Content {
  return { digest: sha256Hex(name) as ContentDigest, size: made.length * 2_000, attributes: { mode: 0o600 }, pieces: made };
}

function whole(content: Content): DeltaBase {
  return { check: checkOf(encodeContent(content)), depth: 0, content };
}

const long = contentOf('long', pieces('long', 400));
const grown = contentOf('grown', [...long.pieces, ...pieces('line', 1)]);

function deltaOf(content: Content, base: DeltaBase): StoredContent {
  const delta = encodeDelta(content, base);
  if (delta === null) throw new Error('written whole');
  return delta;
}

// Chains of deltas are a law of the store contract.
describe('content delta', () => {
  it('takes what it adds, and gives the content back', () => {
    const one = deltaOf(grown, whole(long));
    expect(one.bytes.length).toBeLessThan(160);
    expect(decodeDelta(one.bytes, whole(long))).toEqual(grown);
    const next = contentOf('next', [...grown.pieces, ...pieces('line', 3)]);
    const two = deltaOf(next, one);
    expect([one.depth, depthOfDelta(one.bytes), two.depth, depthOfDelta(two.bytes)]).toEqual([1, 1, 2, 2]);
    expect(decodeDelta(two.bytes, one)).toEqual(next);
  });

  it('knows equal pieces, whoever made them', () => {
    const copy: Content = structuredClone(long);
    expect(deltaOf(grown, whole(copy)).bytes).toEqual(deltaOf(grown, whole(long)).bytes);
    for (const change of [{ object: sha256Hex('other') as ObjectId }, { keyId: 4 }, { offset: 7 }, { length: 1 }]) {
      const base = contentOf('base', [
        ...long.pieces.slice(0, 300),
        { ...(long.pieces[300] as Piece), ...change },
        ...long.pieces.slice(301),
      ]);
      expect(decodeDelta(deltaOf(grown, whole(base)).bytes, whole(base))).toEqual(grown);
    }
  });

  it('tells a body that became less, or other attributes alone', () => {
    for (const content of [contentOf('less', long.pieces.slice(0, 200)), { ...long, attributes: {} }, contentOf('as long', long.pieces)])
      expect(decodeDelta(deltaOf(content, whole(long)).bytes, whole(long))).toEqual(content);
  });

  it('is none where less than half is the base’s, or next to nothing', () => {
    expect(encodeDelta(contentOf('twice', [...long.pieces, ...pieces('more', 400)]), whole(long))).not.toBeNull();
    expect(encodeDelta(contentOf('thrice', [...long.pieces, ...pieces('more', 401)]), whole(long))).toBeNull();
    expect(encodeDelta(contentOf('other', pieces('other', 400)), whole(long))).toBeNull();
    expect(encodeDelta(contentOf('short', long.pieces.slice(0, 4)), whole(long))).not.toBeNull();
    expect(encodeDelta(contentOf('short', long.pieces.slice(0, 3)), whole(long))).toBeNull();
    expect(encodeDelta(contentOf('nothing', []), whole(long))).toBeNull();
  });

  it('remembers the last ones by all that their bytes say', () => {
    const { bytes, check } = deltaOf(grown, whole(long));
    expect(check).toBe(checkOf(Uint8Array.from(bytes)));
    expect(recentDelta(check)).toMatchObject({ depth: 1, content: grown });
    // The same item at the same place of a transaction that was rolled back.
    const other = deltaOf(contentOf('grown', [...long.pieces, ...pieces('lost', 1)]), whole(long));
    expect(recentDelta(other.check)?.content).toBe(other.content);
    expect(recentDelta(check)?.content).toBe(grown);
    for (let n = 0; n < 16; n += 1) deltaOf(contentOf(`${n}`, grown.pieces), whole(long));
    expect(recentDelta(check)).toBeUndefined();
    expect(depthOfDelta(bytes)).toBe(1);
  });

  it('refuses another base, and what was damaged', () => {
    const { bytes } = deltaOf(grown, whole(long));
    const base = whole(long);
    const others = [contentOf('long', pieces('long', 399)), contentOf('long', pieces('other', 400)), grown];
    for (const other of others) expect(() => decodeDelta(bytes, whole(other))).toThrow('damaged');
    expect(() => decodeDelta(bytes, { ...base, content: contentOf('long', long.pieces.slice(1)) })).toThrow('damaged');
    expect(() => decodeDelta(bytes.subarray(0, 50), base)).toThrow('damaged');
    expect(() => decodeDelta(encodeContent(long), base)).toThrow('damaged');
    const [digest, ids, check] = [new Uint8Array(32), new Uint8Array(0), new Uint8Array(16)];
    const wrong = [
      null,
      [digest, 1, {}, ids, [], 1, -1, check],
      [digest, 1, {}, ids, [], 0.5, 1, check],
      [digest, 1, {}, ids, [1, 2], 1, 1, check],
      [digest, 1, {}, ids, [], 1, 1, null],
    ];
    for (const value of wrong) expect(() => decodeDelta(encodeCanonical(value), base)).toThrow('damaged');
  });
});
