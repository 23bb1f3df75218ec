import { lengthPrefix, sha256 } from '../../core/crypto/hash.ts';
import { bytesToHex } from '../../core/ids.ts';

/**
 * The name of a fork: folder and extension stay; the id between them becomes a UUID of version 8 (RFC 9562), made of
 * SHA-256(`satchel/v1/fork` NUL, length of the old id, old id, SHA-256 of the body that goes on). Every machine that
 * forks the same content of the same conversation finds the same name. Cost: O(size of the body).
 */
export function forkName(name: string, body: Uint8Array): string {
  const slash = name.lastIndexOf('/') + 1;
  const dot = name.lastIndexOf('.');
  const idEnd = dot > slash ? dot : name.length;
  const id = Buffer.from(name.slice(slash, idEnd));
  const hash = sha256('satchel/v1/fork\0', lengthPrefix(id.length), id, sha256(body));
  return name.slice(0, slash) + uuidV8(hash) + name.slice(idEnd);
}

function uuidV8(hash: Uint8Array): string {
  const bytes = hash.slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytesToHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
