import { equalBytes, hmac, sha256Hex } from '../../core/crypto/hash.ts';
import type { SigningKey } from '../../core/crypto/signing.ts';
import { isSignedByMachine, NONCE_BYTES, signAsHub } from '../../core/hub-protocol/proofs.ts';
import { hexToBytes, bytesToHex, type MachineId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { fail, ok, type Result } from '../../core/result.ts';

export const SESSION_LIFETIME = 60 * 60 * 1000;
export const CHALLENGE_LIFETIME = 60 * 1000;
const SESSIONS_KEPT = 20_000;
const SESSION_PREFIX = 'session_';

/** Machines that proved their key. Kept in memory, as hashes: a restart asks all of them to prove it again. */
export interface Sessions {
  /** The hub's side of the proof. Keeps nothing, so that strangers cannot fill anything. About 40 µs. */
  challenge(machine: MachineId, clientNonce: Uint8Array, origin: string): { readonly nonce: Uint8Array; readonly signature: Uint8Array };
  /** Checks the machine's side; a nonce opens one session at most. The error says what was wrong. About 110 µs. */
  open(machine: MachineId, nonce: Uint8Array, signature: Uint8Array, origin: string): Result<{ token: string; expires: number }, string>;
  /** Who speaks, or `null` for a token that is unknown or has expired. */
  machineOf(token: string): MachineId | null;
}

/**
 * A nonce is its own expiry (8 bytes), randomness (16) and an HMAC over both and the machine (16), so that only used
 * ones need to be remembered.
 */
export function createSessions(key: SigningKey, clock: Clock, random: Random): Sessions {
  const nonceKey = random.bytes(32);
  const used = new Map<string, number>();
  const sessions = new Map<string, { readonly machine: MachineId; readonly expires: number }>();

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
      const token = SESSION_PREFIX + Buffer.from(random.bytes(32)).toString('base64url');
      const expires = now + SESSION_LIFETIME;
      forget(sessions, (session) => session.expires <= now);
      if (sessions.size >= SESSIONS_KEPT) sessions.delete(sessions.keys().next().value as string);
      sessions.set(sha256Hex(token), { machine, expires });
      return ok({ token, expires });
    },
    machineOf(token) {
      const hash = sha256Hex(token);
      const session = sessions.get(hash);
      if (session === undefined) return null;
      if (session.expires > clock.now()) return session.machine;
      sessions.delete(hash);
      return null;
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
