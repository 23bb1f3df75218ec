import { decode, encode } from 'cborg';

/**
 * Numbers that are no integers up to 2^53 − 1. They are rare, and cborg, which wrote and judged all of the first logs, decides what
 * their shortest form is.
 */
export function writeFloat(value: number): Uint8Array {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical form`);
  return encode(value);
}

/** The inverse. Throws where the bytes are not what {@link writeFloat} makes. */
export function readFloat(bytes: Uint8Array): number {
  const value = decode(bytes, { allowInfinity: false, allowNaN: false }) as number;
  if (Buffer.compare(encode(value), bytes) !== 0) throw new Error('not in canonical form');
  return value;
}
