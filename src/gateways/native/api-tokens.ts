import { equalBytes, sha256 } from '../../core/crypto/hash.ts';
import { bytesToHex, hexToBytes } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';

/** What a token may do: look or change at the management routes, or read /metrics and nothing else. */
export type TokenScope = 'node:read' | 'node:write' | 'metrics:read';

/** As it lies in the store: the token itself is shown once, where it is made. */
export interface StoredToken {
  readonly id: string;
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  readonly scopes: readonly TokenScope[];
}

const TOKEN_PREFIX = 'token_';

/** A new token of 256 random bits. Whoever asked keeps `token` in a 0600 file; `stored` goes to the store. */
export function createApiToken(scopes: readonly TokenScope[], random: Random): { readonly token: string; readonly stored: StoredToken } {
  const token = TOKEN_PREFIX + Buffer.from(random.bytes(32)).toString('base64url');
  return { token, stored: { id: bytesToHex(random.bytes(8)), hash: bytesToHex(sha256(token)), scopes } };
}

/** The stored token that `token` is, compared in constant time; `null` where it is none. O(tokens). */
export function findApiToken(token: string, stored: readonly StoredToken[]): StoredToken | null {
  const hash = sha256(token);
  let found: StoredToken | null = null;
  for (const candidate of stored) if (equalBytes(hash, hexToBytes(candidate.hash))) found = candidate;
  return found;
}

export function isAllowed(token: StoredToken, method: string): boolean {
  if (token.scopes.includes('node:write')) return true;
  return token.scopes.includes('node:read') && (method === 'GET' || method === 'HEAD');
}
