import { hmac, deriveKey, sha256, type Bytes } from './hash.ts';
import { bytesToHex, type ContentDigest } from '../ids.ts';

/**
 * The secrets of a space as a member holds them. `spaceKey` is made at genesis and never rotated: content digests and
 * chunk boundaries hang on it (a printed limit of the threat model). Epoch keys rotate on revocation; old ones are
 * handed on.
 */
export interface SpaceSecrets {
  readonly spaceKey: Bytes;
  readonly epochKeys: ReadonlyMap<number, Bytes>;
}

export interface EpochKeys {
  /** K_mac: makes the synthetic tag of a chunk. */
  readonly mac: Bytes;
  /** K_enc: the root of chunk keys. */
  readonly enc: Bytes;
  /** The root of commit-body and bundle keys. */
  readonly epoch: Bytes;
}

/** Derived keys, computed once per space and epoch. */
export interface SpaceKeys {
  readonly digestKey: Bytes;
  /** 256 unsigned 32-bit words for content-defined chunking. */
  readonly gear: Uint32Array;
  epoch(id: number): EpochKeys | undefined;
}

export function createSpaceKeys(secrets: SpaceSecrets): SpaceKeys {
  const digestKey = deriveKey(secrets.spaceKey, 'satchel/v1/content-digest');
  let gear: Uint32Array | null = null;
  const cache = new Map<number, EpochKeys>();
  return {
    digestKey,
    get gear() {
      return (gear ??= gearOf(secrets.spaceKey)); // only large bodies are cut
    },
    epoch(id) {
      const cached = cache.get(id);
      if (cached !== undefined) return cached;
      const key = secrets.epochKeys.get(id);
      if (key === undefined) return undefined;
      const keys = { mac: deriveKey(key, 'satchel/v1/chunk-mac'), enc: deriveKey(key, 'satchel/v1/chunk-enc'), epoch: key };
      cache.set(id, keys);
      return keys;
    },
  };
}

function gearOf(spaceKey: Bytes): Uint32Array {
  const bytes = Buffer.from(deriveKey(spaceKey, 'satchel/v1/gear', 1024));
  return Uint32Array.from({ length: 256 }, (_, i) => bytes.readUInt32BE(i * 4));
}

/** What an epoch record publishes: binds members to one key without showing it. */
export function epochCommitment(epochKey: Bytes): Bytes {
  return sha256('satchel/v1/epoch-commitment\0', epochKey);
}

/**
 * The keyed digest of a content: does not depend on chunking, so that appends continue the saved SHA-256.
 * `attributes` are the canonical bytes of the item's attributes.
 */
export function contentDigest(digestKey: Bytes, plaintextSha256: Bytes, attributes: Bytes): ContentDigest {
  return bytesToHex(hmac(digestKey, 'satchel/v1/content\0', plaintextSha256, attributes)) as ContentDigest;
}
