import type { Canonical } from './canonical/value.ts';
import { readCanonical } from './canonical/read-canonical.ts';
import { sizeOfCanonical, writeCanonical } from './canonical/write-canonical.ts';
import { fail, ok, type Result } from './result.ts';

/**
 * Canonical bytes (docs/formats.md): deterministic CBOR, keys by length first, the subset without tags, floats that are not
 * needed, indefinite lengths and undefined. Equal values encode to equal bytes, and only canonical bytes decode, so that a
 * signature over bytes is a signature over the value.
 */
export type { Canonical } from './canonical/value.ts';

/** Cost: O(size), one allocation. Throws on values outside {@link Canonical}: a bug of the caller. */
export function encodeCanonical(value: Canonical): Uint8Array {
  const bytes = Buffer.allocUnsafe(sizeOfCanonical(value));
  writeCanonical(value, bytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Decodes foreign bytes. Never throws: what is not canonical, or longer than `limit`, is an error that says so. Byte strings of
 * a few KB and more are parts of `bytes`, which nobody may write to. Cost: O(size); nothing is allocated before the bytes
 * for it are there.
 */
export function decodeCanonical(bytes: Uint8Array, limit: number): Result<Canonical, string> {
  if (bytes.length > limit) return fail(`${bytes.length} bytes, more than the limit of ${limit}`);
  try {
    return ok(readCanonical(bytes));
  } catch (error) {
    return fail(error instanceof Error ? error.message : 'not CBOR');
  }
}
