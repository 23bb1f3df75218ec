import { createHash, createHmac, hash as hashAtOnce, timingSafeEqual, type Hash } from 'node:crypto';

export type Bytes = Uint8Array;

/** SHA-256 over the concatenation of the parts. Lengths of parts that vary must be fixed or part of the input. */
export function sha256(...parts: readonly (Bytes | string)[]): Bytes {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return hashAtOnce('sha256', only, 'buffer');
  return hashOf(parts).digest();
}

export function sha256Hex(...parts: readonly (Bytes | string)[]): string {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? hashAtOnce('sha256', only, 'hex') : hashOf(parts).digest('hex');
}

function hashOf(parts: readonly (Bytes | string)[]): Hash {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash;
}

/** HMAC-SHA256. */
export function hmac(key: Bytes, ...parts: readonly (Bytes | string)[]): Bytes {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

const HASH_BYTES = 32;
const NO_SALT = new Uint8Array(HASH_BYTES);

/**
 * HKDF-SHA256 (RFC 5869) with a label as info. `salt` is empty unless given. Node's own `hkdfSync` makes a key object and a job of
 * each call: with that it takes twice as long, and every body that is opened derives its key.
 */
export function deriveKey(key: Bytes, label: string, length = HASH_BYTES, salt: Bytes = NO_SALT): Bytes {
  const secret = hmac(salt, key);
  let block = hmac(secret, label, Buffer.of(1));
  if (length === HASH_BYTES) return block;
  const blocks = [block];
  for (let count = 2; blocks.length * HASH_BYTES < length; count += 1) blocks.push((block = hmac(secret, block, label, Buffer.of(count))));
  return Buffer.concat(blocks).subarray(0, length);
}

/** Constant-time equality; false at once for unequal lengths. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A length as eight big-endian bytes: makes concatenations of variable parts unambiguous. */
export function lengthPrefix(length: number): Bytes {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(length));
  return out;
}
