import * as fc from 'fast-check';

/** Valid bytes with bits flipped, a part cut out or put in, doubled, or the end missing. Never the same bytes. */
export function mutated(good: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: Math.max(0, good.length - 1) });
  return fc
    .oneof(
      fc.tuple(at, fc.integer({ min: 1, max: 255 })).map(([i, bits]) => good.map((byte, j) => (i === j ? byte ^ bits : byte))),
      at.map((length) => good.subarray(0, length)),
      fc
        .tuple(at, fc.uint8Array({ minLength: 1, maxLength: 40 }))
        .map(([i, more]) => Buffer.concat([good.subarray(0, i), more, good.subarray(i)])),
      fc.tuple(at, fc.nat({ max: 60 })).map(([i, n]) => Buffer.concat([good.subarray(0, i), good.subarray(i + n + 1)])),
      fc
        .tuple(at, fc.uint8Array({ minLength: 1, maxLength: 9 }))
        .map(([i, more]) => Buffer.concat([good.subarray(0, i), more, good.subarray(i + more.length)])),
    )
    .filter((bytes) => !Buffer.from(bytes).equals(good));
}

/** Bytes that mean nothing. */
export const noise = fc.uint8Array({ maxLength: 300 });
/** Mostly valid bytes that were changed. */
export const noiseOr = (good: Uint8Array) => fc.oneof({ weight: 1, arbitrary: noise }, { weight: 4, arbitrary: mutated(good) });
