import { createHash, createHmac, hash as hashAtOnce, hkdfSync, timingSafeEqual } from 'node:crypto';
import { bytesToHex } from '../ids.ts';

export type Bytes = Uint8Array;

/** SHA-256 over the concatenation of the parts. Lengths of parts that vary must be fixed or part of the input. */
export function sha256(...parts: readonly (Bytes | string)[]): Bytes {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return hashAtOnce('sha256', only, 'buffer');
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function sha256Hex(...parts: readonly (Bytes | string)[]): string {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? hashAtOnce('sha256', only, 'hex') : bytesToHex(sha256(...parts));
}

/** HMAC-SHA256. */
export function hmac(key: Bytes, ...parts: readonly (Bytes | string)[]): Bytes {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** HKDF-SHA256 with a label as info. `salt` is empty unless given. */
export function deriveKey(key: Bytes, label: string, length = 32, salt: Bytes = new Uint8Array(0)): Bytes {
  return new Uint8Array(hkdfSync('sha256', key, salt, label, length));
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
