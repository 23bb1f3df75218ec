import { decode, encode } from 'cborg';
import { fail, ok, type Result } from './result.ts';

/**
 * Canonical bytes: deterministic CBOR (RFC 8949 §4.2.1), the subset without tags, floats that are not needed,
 * indefinite lengths and undefined. Equal values encode to equal bytes, and only canonical bytes decode, so that a
 * signature over bytes is a signature over the value.
 */
export type Canonical = number | string | boolean | null | Uint8Array | readonly Canonical[] | { readonly [key: string]: Canonical };

/** Cost: O(size). Throws on values outside {@link Canonical}: a bug of the caller. */
export function encodeCanonical(value: Canonical): Uint8Array {
  return encode(value);
}

/**
 * Decodes foreign bytes. Never throws: what is not canonical, or longer than `limit`, is an error that says so.
 * Cost: O(size); cborg allocates no more than the input holds.
 */
export function decodeCanonical(bytes: Uint8Array, limit: number): Result<Canonical, string> {
  if (bytes.length > limit) return fail(`${bytes.length} bytes, more than the limit of ${limit}`);
  try {
    const value: unknown = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    });
    // Map order and minimal floats are not covered by `strict`: equality with the re-encoding is.
    if (!Buffer.from(encode(value)).equals(bytes)) return fail('not in canonical form');
    return ok(value as Canonical);
  } catch (error) {
    return fail(error instanceof Error ? error.message : 'not CBOR');
  }
}
