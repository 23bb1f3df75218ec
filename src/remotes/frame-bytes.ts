import { equalBytes, sha256 } from '../core/crypto/hash.ts';

/**
 * A frame, in which whatever a file or blob was cut off or changed is known by itself:
 *
 * "satchel " ‖ kind (4) ‖ head length (4) ‖ payload length (8) ‖ SHA-256(payload) ‖ head ‖ SHA-256(all before) ‖ payload
 */
export const FRAME_MAGIC = 'satchel ';
export const FRAME_PREFIX = 8 + 4 + 4 + 8 + 32;
const HASH = 32;

export function encodeFrame(kind: string, head: Uint8Array, payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(FRAME_PREFIX);
  prefix.write(FRAME_MAGIC + kind, 'latin1');
  prefix.writeUInt32BE(head.length, 12);
  prefix.writeBigUInt64BE(BigInt(payload.length), 16);
  prefix.set(sha256(payload), 24);
  return Buffer.concat([prefix, head, sha256(prefix, head), payload]);
}

export interface ParsedFrame {
  readonly head: Buffer;
  /** `null` where only the beginning was given. */
  readonly payload: Buffer | null;
}

/**
 * Foreign bytes → frame; or what is wrong, in words. `start`: the frame or its beginning, which must reach to the end
 * of the head. `isWhole`: nothing comes behind `start`. Never throws. O(bytes given).
 */
export function parseFrame(start: Uint8Array, isWhole: boolean, kind: string, payloadLimit: number): ParsedFrame | string {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (bytes.length < FRAME_PREFIX || bytes.toString('latin1', 0, 12) !== FRAME_MAGIC + kind) return `it does not begin as ${kind}`;
  const headEnd = FRAME_PREFIX + bytes.readUInt32BE(12);
  const payloadLength = Number(bytes.readBigUInt64BE(16));
  const payloadStart = headEnd + HASH;
  const end = payloadStart + payloadLength;
  if (payloadLength > payloadLimit) return `it announces ${payloadLength} bytes; at most ${payloadLimit} may be there`;
  if (isWhole ? end !== bytes.length : end < bytes.length) return `${bytes.length} bytes are there, ${end} were announced`;
  if (payloadStart > bytes.length) return 'its head is longer than any';
  if (!equalBytes(sha256(bytes.subarray(0, headEnd)), bytes.subarray(headEnd, payloadStart))) return 'its checksum differs';
  const head = bytes.subarray(FRAME_PREFIX, headEnd);
  if (end !== bytes.length) return { head, payload: null };
  const payload = bytes.subarray(payloadStart);
  return equalBytes(sha256(payload), bytes.subarray(24, 24 + HASH)) ? { head, payload } : 'its checksum differs';
}
