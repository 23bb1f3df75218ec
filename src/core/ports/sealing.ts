import type { SealedObject } from '../crypto/object-cipher.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import type { SpaceId } from '../ids.ts';

/** An encrypted chunk, and how much plaintext is in it. */
export interface SealedChunk {
  readonly object: SealedObject;
  readonly length: number;
}

/** Cuts bodies into chunks and encrypts them: the heavy part of a capture, which may happen on another thread. */
export interface Sealing {
  /** The same as `sealChunks`, wherever it runs. */
  chunks(body: Uint8Array, space: SpaceId, keyId: number, keys: SpaceKeys): Promise<readonly SealedChunk[]>;
  /** Ends what runs elsewhere; what is under way there is done here instead. */
  close(): Promise<void>;
}
