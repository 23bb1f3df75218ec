import { createCipheriv, createDecipheriv } from 'node:crypto';
import { LIMITS } from '../limits.ts';
import { hexToBytes, type ObjectId } from '../ids.ts';
import type { CommitId, MachineId, SpaceId } from '../ids.ts';
import type { Compression, Effort } from '../ports/compression.ts';
import type { Random } from '../ports/random.ts';
import { fail, type Result } from '../result.ts';
import { openContainer, sealContainer } from './container.ts';
import { deriveKey, equalBytes, hmac, lengthPrefix, type Bytes } from './hash.ts';
import { objectIdOf } from './object-id.ts';
import type { SpaceKeys } from './space-keys.ts';

/**
 * The three encryptions of a space (docs/formats.md § Objects, § Commit bodies; TRUST.md § Chunks).
 *
 * chunk  = 0x01 ‖ key id (4) ‖ T (32) ‖ AES-256-GCM(key(T), P)           deterministic in a space and epoch
 * bundle = 0x02 ‖ key id (4) ‖ signer (32) ‖ commit (16) ‖ salt (32) ‖ AES-256-GCM(key(salt), P)
 * body   = salt (32) ‖ AES-256-GCM(key(salt), P)                         of a commit; its binding is in the header
 *
 * Every key is used for one message, so the nonce is zero throughout.
 */
export interface SealedObject {
  readonly id: ObjectId;
  readonly bytes: Bytes;
}

/** Why an encrypted thing did not open. `no-key` may pass when the key arrives; `damaged` never does. */
export type OpenError = { readonly type: 'no-key'; readonly keyId: number } | { readonly type: 'damaged'; readonly reason: string };

const CHUNK = 1;
const BUNDLE = 2;
const CHUNK_HEADER = 1 + 4 + 32;
const BUNDLE_HEADER = 1 + 4 + 32 + 16 + 32;
const GCM_TAG = 16;
const ZERO_NONCE = new Uint8Array(12);

export interface BodyBinding {
  readonly space: SpaceId;
  readonly keyId: number;
  readonly signer: MachineId;
  readonly commit: CommitId;
}

/**
 * Encrypts a chunk: equal plaintexts compressed alike (hence of one effort) give equal objects. Throws where the key is
 * missing (a bug).
 */
export async function sealChunk(
  plain: Bytes,
  space: SpaceId,
  keyId: number,
  keys: SpaceKeys,
  compression: Compression,
  effort?: Effort,
): Promise<SealedObject> {
  const epoch = epochOf(keys, keyId);
  const container = await sealContainer(plain, compression, effort);
  const tag = chunkTag(epoch.mac, space, keyId, container);
  const header = Buffer.concat([Buffer.of(CHUNK), u32(keyId), tag]);
  const bytes = Buffer.concat([header, encrypt(chunkKey(epoch.enc, tag), container, chunkAad(space, header))]);
  return { id: objectIdOf(bytes), bytes };
}

/** Encrypts the small bodies of a commit together; never deterministic. */
export async function sealBundle(
  plain: Bytes,
  binding: BodyBinding,
  keys: SpaceKeys,
  compression: Compression,
  random: Random,
  effort?: Effort,
): Promise<SealedObject> {
  const container = await sealContainer(plain, compression, effort);
  const header = Buffer.concat([
    Buffer.of(BUNDLE),
    u32(binding.keyId),
    hexToBytes(binding.signer),
    hexToBytes(binding.commit),
    random.bytes(32),
  ]);
  const key = deriveKey(epochOf(keys, binding.keyId).epoch, 'satchel/v1/bundle', 32, header.subarray(-32));
  const bytes = Buffer.concat([header, encrypt(key, container, bundleAad(binding.space, header))]);
  return { id: objectIdOf(bytes), bytes };
}

/** Opens a chunk or a bundle after checking its id. Never throws on foreign bytes. */
export async function openObject(
  object: SealedObject,
  space: SpaceId,
  keys: SpaceKeys,
  compression: Compression,
): Promise<Result<Bytes, OpenError>> {
  const bytes = Buffer.from(object.bytes.buffer, object.bytes.byteOffset, object.bytes.byteLength);
  if (bytes.length > LIMITS.objectCiphertext) return damaged('object is larger than the format allows');
  if (objectIdOf(object.bytes) !== object.id) return damaged('object does not match its id');
  if (bytes[0] === CHUNK && bytes.length > CHUNK_HEADER + GCM_TAG) return openChunk(bytes, space, keys, compression);
  if (bytes[0] === BUNDLE && bytes.length > BUNDLE_HEADER + GCM_TAG) return openBundle(bytes, space, keys, compression);
  return damaged('object is neither chunk nor bundle');
}

/** The key id that an object claims, or undefined for what is no object. */
export function objectKeyId(bytes: Bytes): number | undefined {
  if (bytes.length < 5 || (bytes[0] !== CHUNK && bytes[0] !== BUNDLE)) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, 5).readUInt32BE(1);
}

async function openChunk(bytes: Buffer, space: SpaceId, keys: SpaceKeys, compression: Compression): Promise<Result<Bytes, OpenError>> {
  const keyId = bytes.readUInt32BE(1);
  const epoch = keys.epoch(keyId);
  if (epoch === undefined) return fail({ type: 'no-key', keyId });
  const header = bytes.subarray(0, CHUNK_HEADER);
  const tag = header.subarray(5);
  const container = decrypt(chunkKey(epoch.enc, tag), bytes.subarray(CHUNK_HEADER), chunkAad(space, header));
  if (container === null) return damaged('chunk fails authentication');
  if (!equalBytes(chunkTag(epoch.mac, space, keyId, container), tag)) return damaged('chunk tag does not match its plaintext');
  return expand(container, LIMITS.objectExpanded, compression);
}

async function openBundle(bytes: Buffer, space: SpaceId, keys: SpaceKeys, compression: Compression): Promise<Result<Bytes, OpenError>> {
  const keyId = bytes.readUInt32BE(1);
  const epoch = keys.epoch(keyId);
  if (epoch === undefined) return fail({ type: 'no-key', keyId });
  const header = bytes.subarray(0, BUNDLE_HEADER);
  const key = deriveKey(epoch.epoch, 'satchel/v1/bundle', 32, header.subarray(-32));
  const container = decrypt(key, bytes.subarray(BUNDLE_HEADER), bundleAad(space, header));
  if (container === null) return damaged('bundle fails authentication');
  return expand(container, LIMITS.objectExpanded, compression);
}

/** Encrypts a commit's metadata, bound to space, key, signer and commit id. */
export async function sealCommitBody(
  plain: Bytes,
  binding: BodyBinding,
  keys: SpaceKeys,
  compression: Compression,
  random: Random,
): Promise<Bytes> {
  const salt = random.bytes(32);
  const key = deriveKey(epochOf(keys, binding.keyId).epoch, 'satchel/v1/commit-body', 32, salt);
  return Buffer.concat([salt, encrypt(key, await sealContainer(plain, compression), bodyAad(binding))]);
}

/** Never throws on foreign bytes. */
export async function openCommitBody(
  bytes: Bytes,
  binding: BodyBinding,
  keys: SpaceKeys,
  compression: Compression,
): Promise<Result<Bytes, OpenError>> {
  if (bytes.length > LIMITS.commitCiphertext) return damaged('commit body is larger than the format allows');
  if (bytes.length < 32 + GCM_TAG) return damaged('commit body is truncated');
  const epoch = keys.epoch(binding.keyId);
  if (epoch === undefined) return fail({ type: 'no-key', keyId: binding.keyId });
  const key = deriveKey(epoch.epoch, 'satchel/v1/commit-body', 32, bytes.subarray(0, 32));
  const container = decrypt(key, bytes.subarray(32), bodyAad(binding));
  if (container === null) return damaged('commit body fails authentication');
  return expand(container, LIMITS.commitExpanded, compression);
}

async function expand(container: Bytes, limit: number, compression: Compression): Promise<Result<Bytes, OpenError>> {
  const opened = await openContainer(container, limit, compression);
  return opened.ok ? opened : damaged(opened.error);
}

function damaged(reason: string): Result<never, OpenError> {
  return fail({ type: 'damaged', reason });
}

function epochOf(keys: SpaceKeys, keyId: number) {
  const epoch = keys.epoch(keyId);
  if (epoch === undefined) throw new Error(`no key for epoch ${keyId}`);
  return epoch;
}

function chunkTag(macKey: Bytes, space: SpaceId, keyId: number, container: Bytes): Bytes {
  return hmac(macKey, 'satchel/v1/chunk\0', hexToBytes(space), u32(keyId), lengthPrefix(container.length), container);
}

function chunkKey(encKey: Bytes, tag: Bytes): Bytes {
  return hmac(encKey, 'satchel/v1/chunk-key\0', tag);
}

function chunkAad(space: SpaceId, header: Bytes): Bytes {
  return Buffer.concat([Buffer.from('satchel/v1/chunk\0'), hexToBytes(space), header]);
}

function bundleAad(space: SpaceId, header: Bytes): Bytes {
  return Buffer.concat([Buffer.from('satchel/v1/bundle\0'), hexToBytes(space), header]);
}

function bodyAad(binding: BodyBinding): Bytes {
  return Buffer.concat([
    Buffer.from('satchel/v1/commit-body\0'),
    hexToBytes(binding.space),
    u32(binding.keyId),
    hexToBytes(binding.signer),
    hexToBytes(binding.commit),
  ]);
}

function encrypt(key: Bytes, plain: Bytes, aad: Bytes): Bytes {
  const cipher = createCipheriv('aes-256-gcm', key, ZERO_NONCE);
  cipher.setAAD(aad);
  const body = cipher.update(plain);
  cipher.final();
  return Buffer.concat([body, cipher.getAuthTag()]);
}

function decrypt(key: Bytes, sealed: Bytes, aad: Bytes): Bytes | null {
  const decipher = createDecipheriv('aes-256-gcm', key, ZERO_NONCE, { authTagLength: GCM_TAG });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(sealed.length - GCM_TAG));
  const plain = decipher.update(sealed.subarray(0, sealed.length - GCM_TAG));
  try {
    decipher.final();
    return plain;
  } catch {
    return null; // the tag does not match
  }
}

function u32(value: number): Bytes {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}
