import { createPrivateKey, createPublicKey, sign as nodeSign, verify as nodeVerify, type KeyObject } from 'node:crypto';
import { bytesToHex, hexToBytes, type MachineId } from '../ids.ts';
import { sha256Hex, type Bytes } from './hash.ts';

/** Ed25519 (RFC 8032). A machine's id is its public key. */
export interface SigningKey {
  readonly machine: MachineId;
  /** 32 bytes; kept in a 0600 file. */
  readonly seed: Bytes;
  /** 64 bytes over `tag` ‖ 0x00 ‖ message. The tag keeps a signature of one purpose from serving another. */
  sign(tag: string, message: Bytes): Bytes;
}

const PKCS8_PREFIX = hexToBytes('302e020100300506032b657004220420');

/** Cost: one key expansion, about 50 µs; a signature about 40 µs. Throws unless `seed` has 32 bytes. */
export function createSigningKey(seed: Bytes): SigningKey {
  if (seed.length !== 32) throw new RangeError(`an Ed25519 seed has 32 bytes, not ${seed.length}`);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return {
    machine: bytesToHex(Buffer.from(x as string, 'base64url')) as MachineId,
    seed,
    sign: (tag, message) => nodeSign(null, tagged(tag, message), key),
  };
}

const publicKeys = new Map<MachineId, KeyObject>();
const PUBLIC_KEYS_KEPT = 1024;

/**
 * Signatures that this process found right, by a hash over all that makes them so: the control records of a space are verified
 * whenever it is opened or looks for a key, and what a hub's machine reads the hub has read.
 */
const verified = new Set<string>();
const VERIFIED_KEPT = 4096;

/** False for a wrong signature and for an id that is no key. Cost: about 70 µs; a few for what was found right before. */
export function verifySignature(machine: MachineId, tag: string, message: Bytes, signature: Bytes): boolean {
  if (signature.length !== 64 || machine.length !== 64) return false;
  const signed = tagged(tag, message);
  const mark = sha256Hex(machine, signature, signed);
  if (verified.has(mark)) return true;
  try {
    if (!nodeVerify(null, signed, publicKey(machine), signature)) return false;
  } catch {
    return false; // not a point on the curve
  }
  if (verified.size >= VERIFIED_KEPT) verified.clear();
  verified.add(mark);
  return true;
}

function publicKey(machine: MachineId): KeyObject {
  let key = publicKeys.get(machine);
  if (key === undefined) {
    // As DER, OpenSSL first looks for who can decode it, which takes as long as to verify.
    const x = Buffer.from(machine, 'hex').toString('base64url');
    key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    if (publicKeys.size >= PUBLIC_KEYS_KEPT) publicKeys.clear();
    publicKeys.set(machine, key);
  }
  return key;
}

function tagged(tag: string, message: Bytes): Bytes {
  return Buffer.concat([Buffer.from(tag, 'utf8'), Buffer.of(0), message]);
}
