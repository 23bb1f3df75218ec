import { deriveKey, equalBytes, hmac } from '../../core/crypto/hash.ts';
import type { SigningKey } from '../../core/crypto/signing.ts';
import { isSignedByMachine, NONCE_BYTES, signAsHub } from '../../core/hub-protocol/proofs.ts';
import { hexToBytes, bytesToHex, type MachineId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { fail, ok, type Result } from '../../core/result.ts';

export const SESSION_LIFETIME = 60 * 60 * 1000;
export const CHALLENGE_LIFETIME = 60 * 1000;
const SESSION_PREFIX = 'session_';
const MACHINE_BYTES = 32;
const HEAD_BYTES = MACHINE_BYTES + 8;

/**
 * Machines that proved their key. A session is a token that says whose it is and until when, with an HMAC: every process
 * with the hub's key knows it, after a restart as well, and none keeps it. Whether the machine may still do something
 * is asked with each request.
 */
export interface Sessions {
  /** The hub's side of the proof. Keeps nothing, so that strangers cannot fill anything. About 40 µs. */
  challenge(machine: MachineId, clientNonce: Uint8Array, origin: string): { readonly nonce: Uint8Array; readonly signature: Uint8Array };
  /** Checks the machine's side; a nonce opens one session of this process at most. The error says what was wrong. About 110 µs. */
  open(machine: MachineId, nonce: Uint8Array, signature: Uint8Array, origin: string): Result<{ token: string; expires: number }, string>;
  /** Who speaks, or `null` for a token that is none or has expired. */
  machineOf(token: string): MachineId | null;
}

/**
 * A nonce is its own expiry (8 bytes), randomness (16) and an HMAC over both and the machine (16), so that only used
 * ones need to be remembered.
 */
export function createSessions(key: SigningKey, clock: Clock, random: Random): Sessions {
  // The same for every process with the hub's key.
  const nonceKey = deriveKey(key.seed, 'satchel/v1/hub-nonces');
  const tokenKey = deriveKey(key.seed, 'satchel/v1/hub-sessions');
  const used = new Map<string, number>();

  function nonceTag(head: Uint8Array, machine: MachineId): Uint8Array {
    return hmac(nonceKey, head, hexToBytes(machine)).subarray(0, 16);
  }

  function isOwnNonce(nonce: Uint8Array, machine: MachineId): boolean {
    return nonce.length === NONCE_BYTES && equalBytes(nonce.subarray(24), nonceTag(nonce.subarray(0, 24), machine));
  }

  return {
    challenge(machine, clientNonce, origin) {
      const head = Buffer.alloc(24);
      head.writeBigUInt64BE(BigInt(clock.now() + CHALLENGE_LIFETIME));
      head.set(random.bytes(16), 8);
      const nonce = Buffer.concat([head, nonceTag(head, machine)]);
      return { nonce, signature: signAsHub(key, { nonce, clientNonce, machine, origin }) };
    },
    open(machine, nonce, signature, origin) {
      const now = clock.now();
      if (!isOwnNonce(nonce, machine)) return fail('this nonce was not made here for this machine');
      const nonceExpires = Number(Buffer.from(nonce).readBigUInt64BE(0));
      if (nonceExpires <= now) return fail('the nonce has expired');
      if (used.has(bytesToHex(nonce))) return fail('the nonce was used before');
      if (!isSignedByMachine(machine, key.machine, nonce, origin, signature)) return fail('the signature does not match');
      forget(used, (expires) => expires <= now);
      used.set(bytesToHex(nonce), nonceExpires);
      const expires = now + SESSION_LIFETIME;
      const head = Buffer.alloc(HEAD_BYTES);
      head.set(hexToBytes(machine));
      head.writeBigUInt64BE(BigInt(expires), MACHINE_BYTES);
      const token = SESSION_PREFIX + Buffer.concat([head, hmac(tokenKey, head)]).toString('base64url');
      return ok({ token, expires });
    },
    machineOf(token) {
      if (!token.startsWith(SESSION_PREFIX)) return null;
      const bytes = Buffer.from(token.slice(SESSION_PREFIX.length), 'base64url');
      // In the one spelling that was given out: decoding passes over what it does not know.
      if (bytes.length !== HEAD_BYTES + 32 || SESSION_PREFIX + bytes.toString('base64url') !== token) return null;
      const head = bytes.subarray(0, HEAD_BYTES);
      if (!equalBytes(bytes.subarray(HEAD_BYTES), hmac(tokenKey, head))) return null;
      return Number(head.readBigUInt64BE(MACHINE_BYTES)) > clock.now() ? (bytesToHex(head.subarray(0, MACHINE_BYTES)) as MachineId) : null;
    },
  };
}

/** Entries lie in the order of their expiry, so the first that stays ends it. Amortised O(1). */
function forget<T>(entries: Map<string, T>, isOver: (entry: T) => boolean): void {
  for (const [key, entry] of entries) {
    if (!isOver(entry)) return;
    entries.delete(key);
  }
}
