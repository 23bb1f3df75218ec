import { createHash, type Hash } from 'node:crypto';
import { sha256, type Bytes } from './hash.ts';

/** Above it the state is worth keeping: an append goes on from it. */
const STATE_BYTES = 64 * 1024;

const digests = new WeakMap<Uint8Array, Bytes>();
const states = new WeakMap<Uint8Array, Hash>();

/**
 * SHA-256 of a body, computed once for as long as these very bytes are held: a body is hashed where it is read, where it
 * is checked and where it is put in place. Nobody may write to bytes that were given here. Cost: O(bytes) the first time.
 */
export function bodySha256(body: Uint8Array): Bytes {
  const known = digests.get(body);
  if (known !== undefined) return known;
  if (body.length >= STATE_BYTES) return bodyHash(body).copy().digest();
  const digest = sha256(body);
  digests.set(body, digest);
  return digest;
}

/** Whether the hash is known without the state behind it, and computing that would take long. */
export function hasStatelessHash(body: Uint8Array): boolean {
  return body.length >= STATE_BYTES && digests.has(body) && !states.has(body);
}

/** The state behind it, to go on from: copy it before use. */
export function bodyHash(body: Uint8Array): Hash {
  const known = states.get(body);
  if (known !== undefined) return known;
  const state = createHash('sha256').update(body);
  if (body.length >= STATE_BYTES) states.set(body, state);
  return state;
}

/** Notes the SHA-256 of a body that another thread computed. */
export function rememberBodySha256(body: Uint8Array, digest: Bytes): void {
  digests.set(body, digest);
}
