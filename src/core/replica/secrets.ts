import { decodeCanonical, encodeCanonical } from '../canonical.ts';
import { epochCommitment, type SpaceSecrets } from '../crypto/space-keys.ts';
import { equalBytes } from '../crypto/hash.ts';
import { LIMITS } from '../limits.ts';
import type { Membership } from '../log/membership.ts';
import type { KeyWrapping } from '../ports/key-wrapping.ts';

/**
 * What an envelope holds: the space key and all epoch keys up to its epoch, so that one envelope opens all history.
 * The recovery key's first envelope also holds a proof that who made the space knew that key (recovery-key.ts).
 */
export function encodeSecrets(secrets: SpaceSecrets, proof?: Uint8Array): Uint8Array {
  const keys = [...secrets.epochKeys].map(([number, key]) => [number, key] as const);
  return encodeCanonical(proof === undefined ? [1, secrets.spaceKey, keys] : [1, secrets.spaceKey, keys, proof]);
}

function decodeSecrets(bytes: Uint8Array): SpaceSecrets | null {
  const decoded = decodeCanonical(bytes, LIMITS.controlPayload);
  if (!decoded.ok || !Array.isArray(decoded.value)) return null;
  const [version, spaceKey, epochs] = decoded.value as unknown[];
  if (version !== 1 || !(spaceKey instanceof Uint8Array) || spaceKey.length !== 32 || !Array.isArray(epochs)) return null;
  const epochKeys = new Map<number, Uint8Array>();
  for (const pair of epochs as unknown[]) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'number' || !(pair[1] instanceof Uint8Array)) return null;
    epochKeys.set(pair[0], pair[1]);
  }
  return { spaceKey, epochKeys };
}

/** The proof in an opened envelope; `null` where it holds none. */
export function proofIn(plain: Uint8Array): Uint8Array | null {
  const decoded = decodeCanonical(plain, LIMITS.controlPayload);
  const proof = decoded.ok && Array.isArray(decoded.value) ? (decoded.value as unknown[])[3] : undefined;
  return proof instanceof Uint8Array ? proof : null;
}

/**
 * Opens the newest envelope that is for this holder, and keeps only epoch keys that match their commitments: no key
 * is taken from anyone else. `null` where no envelope opens: the machine is no member, or its identity was replaced.
 * Cost: about 1.4 ms an envelope tried; the newest first.
 */
export async function openSecrets(
  membership: Membership,
  holder: string,
  identity: string,
  wrapping: KeyWrapping,
): Promise<SpaceSecrets | null> {
  const handed = (membership.envelopes.get(holder) ?? []).map((e) => ({ epoch: e.epoch, envelope: e.envelope }));
  const published = membership.epochs.flatMap((e) => {
    const envelope = e.envelopes[holder];
    return envelope === undefined ? [] : [{ epoch: e.number, envelope }];
  });
  const newestFirst = [...handed, ...published].sort((a, b) => b.epoch - a.epoch);
  for (const { envelope } of newestFirst) {
    const plain = await wrapping.unwrap(envelope, identity);
    const secrets = plain === null ? null : decodeSecrets(plain);
    if (secrets !== null) return { spaceKey: secrets.spaceKey, epochKeys: committedKeys(secrets, membership) };
  }
  return null;
}

function committedKeys(secrets: SpaceSecrets, membership: Membership): Map<number, Uint8Array> {
  const keys = new Map<number, Uint8Array>();
  for (const epoch of membership.epochs) {
    const key = secrets.epochKeys.get(epoch.number);
    if (key !== undefined && equalBytes(epochCommitment(key), epoch.commitment)) keys.set(epoch.number, key);
  }
  return keys;
}
