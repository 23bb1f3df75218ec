import { sha256Hex } from '../../core/crypto/hash.ts';

/** claude-mem's own `content_hash` of an observation, as releases since 11.0 compute it: 16 hex digits. */
export function contentHash(memorySessionId: string | null, title: string | null, narrative: string | null): string {
  return sha256Hex([memorySessionId ?? '', title ?? '', narrative ?? ''].join('\0')).slice(0, 16);
}
