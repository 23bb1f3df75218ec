import { decodeCanonical, type Canonical } from './canonical.ts';
import { bytesToHex } from './ids.ts';
import { fail, ok, type Result } from './result.ts';

/**
 * The fields of foreign canonical values. Each reader takes what was decoded, and throws {@link Malformed} where it is
 * something else: only inside {@link parseCanonical}, which makes an error of it.
 */
export class Malformed extends Error {}

/** Foreign bytes → what `parse` makes of their value. Never throws; `what` begins every error. Cost: O(size). */
export function parseCanonical<T>(what: string, bytes: Uint8Array, limit: number, parse: (value: Canonical) => T): Result<T, string> {
  const decoded = decodeCanonical(bytes, limit);
  if (!decoded.ok) return fail(`${what}: ${decoded.error}`);
  try {
    return ok(parse(decoded.value));
  } catch (error) {
    if (error instanceof Malformed) return fail(`${what}: ${error.message}`);
    throw error;
  }
}

export function readList(value: Canonical | undefined, most: number): readonly Canonical[] {
  if (!Array.isArray(value)) throw new Malformed('a list is missing');
  if (value.length > most) throw new Malformed(`a list is longer than ${most}`);
  return value as readonly Canonical[];
}

/** A list of exactly so many. */
export function readFields(value: Canonical | undefined, count: number): readonly Canonical[] {
  if (!Array.isArray(value)) throw new Malformed('a list is missing');
  if (value.length !== count) throw new Malformed(`${value.length} fields instead of ${count}`);
  return value as readonly Canonical[];
}

export function readMap(value: Canonical | undefined, what: string): { readonly [key: string]: Canonical } {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array)
    throw new Malformed(`${what} are no map`);
  return value as { readonly [key: string]: Canonical };
}

export function readBytes(value: Canonical | undefined, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Malformed('bytes are missing');
  if (length !== undefined && value.length !== length) throw new Malformed(`${value.length} bytes instead of ${length}`);
  return value;
}

/** Ids and hashes: bytes of this length as hex. */
export function readHex(value: Canonical | undefined, length = 32): string {
  return bytesToHex(readBytes(value, length));
}

export function readHexOrNull(value: Canonical | undefined): string | null {
  return value === null ? null : readHex(value);
}

/** An integer from `least` to 2^53 − 1. */
export function readCount(value: Canonical | undefined, least = 0): number {
  if (!Number.isSafeInteger(value) || (value as number) < least) throw new Malformed('a count is missing');
  return value as number;
}

/** `most` is in bytes of UTF-8. */
export function readText(value: Canonical | undefined, most: number): string {
  if (typeof value !== 'string' || Buffer.byteLength(value) > most) throw new Malformed('a text is missing or too long');
  return value;
}
