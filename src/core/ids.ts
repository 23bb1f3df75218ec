/**
 * Identifiers. Hashes and public keys are lower-case hex in memory (so that they are map keys and print as they are)
 * and raw bytes on the wire and in CBOR.
 */
declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** SHA-256 of the genesis record: 64 hex characters. */
export type SpaceId = Branded<string, 'SpaceId'>;
/** SHA-256 over a record's header and signature: 64 hex characters. */
export type RecordHash = Branded<string, 'RecordHash'>;
/** Random, 16 bytes: 32 hex characters. The same from draft to record, so that appends are idempotent. */
export type CommitId = Branded<string, 'CommitId'>;
/** A commit's identity, signer ‖ id: 96 hex characters. What another machine signs under the same id is another commit. */
export type CommitKey = Branded<string, 'CommitKey'>;
/** An Ed25519 public key: 64 hex characters. A machine is its signing key. */
export type MachineId = Branded<string, 'MachineId'>;
/** hash(item, base, content digest): 64 hex characters. */
export type Revision = Branded<string, 'Revision'>;
/** HMAC-SHA256(digest key, SHA-256(plaintext) ‖ attributes): 64 hex characters. */
export type ContentDigest = Branded<string, 'ContentDigest'>;
/** SHA-256 of an encrypted object (a chunk or a bundle) as stored: 64 hex characters. */
export type ObjectId = Branded<string, 'ObjectId'>;

export function commitKey(signer: MachineId, id: CommitId): CommitKey {
  return `${signer}${id}` as CommitKey;
}

/** What a Buffer's `toString('hex')` ends in. Node has it on the prototype, and does not promise to. */
const { hexSlice } = Buffer.prototype as { readonly hexSlice?: (this: Uint8Array, start: number, end: number) => string };

/** Makes no Buffer of them where it need not: V8 moves a small array off its heap for that, which takes longer than all else here. */
export function bytesToHex(bytes: Uint8Array): string {
  if (hexSlice !== undefined) return hexSlice.call(bytes, 0, bytes.length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function hexToBytes(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

/** 32 zero bytes: the "previous record" of a genesis and the "space" field of its header. */
export const ZERO_HASH = '0'.repeat(64);

const HEX_32 = /^[0-9a-f]{64}$/;
const HEX_16 = /^[0-9a-f]{32}$/;

/** True for the hex form of 32 bytes. Foreign strings pass through here before they become a branded id. */
export function isHex32(text: unknown): text is string {
  return typeof text === 'string' && HEX_32.test(text);
}

/** True for the hex form of 16 bytes. */
export function isHex16(text: unknown): text is string {
  return typeof text === 'string' && HEX_16.test(text);
}
