import { sha256 } from '../../core/crypto/hash.ts';

const DIGEST = /^[A-Za-z0-9_-]{43}$/;

/** SHA-256 of a text in unpadded base64url: 43 characters. */
export function digestOf(text: string): string {
  return Buffer.from(sha256(text)).toString('base64url');
}

export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value);
}
