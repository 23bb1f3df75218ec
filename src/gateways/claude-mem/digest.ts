import { hash } from 'node:crypto';

const DIGEST = /^[A-Za-z0-9_-]{43}$/;

/** SHA-256 of a text in unpadded base64url: 43 characters. */
export function digestOf(text: string): string {
  return hash('sha256', text, 'base64url');
}

export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value);
}
