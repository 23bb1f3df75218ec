import type { Bytes } from '../crypto/hash.ts';
import type { BodyBinding, OpenError, SealedObject } from '../crypto/object-cipher.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import type { SpaceId } from '../ids.ts';
import type { Result } from '../result.ts';
import type { Effort } from './compression.ts';

/** An encrypted chunk, and how much plaintext is in it. */
export interface SealedChunk {
  readonly object: SealedObject;
  readonly length: number;
}

/** Encrypts and decrypts bodies: the heavy part of a capture and of an apply, which may happen on another thread. */
export interface Sealing {
  /** The same as `sealChunks`, wherever it runs. */
  chunks(body: Uint8Array, space: SpaceId, keyId: number, keys: SpaceKeys): Promise<readonly SealedChunk[]>;
  /** The same as `sealBundle`, wherever it runs. */
  bundle(plain: Bytes, binding: BodyBinding, keys: SpaceKeys, effort?: Effort): Promise<SealedObject>;
  /** The same as `openObject` of each, wherever it runs. */
  open(objects: readonly SealedObject[], space: SpaceId, keys: SpaceKeys): Promise<readonly Result<Bytes, OpenError>[]>;
  /** Ends what runs elsewhere; what is under way there is done here instead. */
  close(): Promise<void>;
}
