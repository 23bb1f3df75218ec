import { createSigningKey, type SigningKey } from '../crypto/signing.ts';
import { deriveKey, hmac, type Bytes } from '../crypto/hash.ts';
import { hexToBytes, type MachineId, type SpaceId } from '../ids.ts';
import type { KeyWrapping } from '../ports/key-wrapping.ts';

/** What is written down, as 24 words. */
export const RECOVERY_SECRET_BYTES = 32;

/** Everything that the recovery key of a space does, made from one secret (docs/formats.md § Recovery). */
export interface RecoveryKey {
  /** An owner of the space. */
  readonly key: SigningKey;
  /** Opens the envelopes for `recovery`. */
  readonly identity: string;
  readonly recipient: string;
  /** Makes the proofs below; nobody else can. */
  readonly proofKey: Bytes;
}

/** Throws unless `secret` has {@link RECOVERY_SECRET_BYTES}. */
export async function createRecoveryKey(secret: Bytes, wrapping: KeyWrapping): Promise<RecoveryKey> {
  if (secret.length !== RECOVERY_SECRET_BYTES) throw new RangeError(`a recovery secret has ${RECOVERY_SECRET_BYTES} bytes`);
  return {
    key: createSigningKey(deriveKey(secret, 'satchel/v1/recovery-signing')),
    ...(await wrapping.fromSeed(deriveKey(secret, 'satchel/v1/recovery-wrapping'))),
    proofKey: deriveKey(secret, 'satchel/v1/recovery-proof'),
  };
}

/**
 * Who recovers knows 24 words and an address. The public halves of the key stand in clear text in the log, so whoever
 * keeps it could make a space of his own that names them, and wait for it to be filled. The envelope for the recovery
 * key therefore proves that its maker knew the secret: in a genesis for this nonce and owner (who must sign it), in a
 * later replacement for this space.
 */
export function genesisProof({ proofKey }: RecoveryKey, nonce: Bytes, owner: MachineId): Bytes {
  return hmac(proofKey, 'satchel/v1/recovery-genesis\0', nonce, hexToBytes(owner));
}

export function replacementProof({ proofKey }: RecoveryKey, space: SpaceId): Bytes {
  return hmac(proofKey, 'satchel/v1/recovery-replacement\0', hexToBytes(space));
}
