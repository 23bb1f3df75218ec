import { equalBytes } from '../../core/crypto/hash.ts';

/** Whether `body` is `prefix` and maybe more. Cost: O(prefix). */
export function startsWith(body: Uint8Array, prefix: Uint8Array): boolean {
  return body.length >= prefix.length && equalBytes(body.subarray(0, prefix.length), prefix);
}
