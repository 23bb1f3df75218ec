import { encodeCanonical, type Canonical } from './canonical.ts';
import type { ContentDigest, ObjectId } from './ids.ts';

/**
 * Small facts beside the bytes that belong to the content: `{"mode": 493}` for an executable file, `{"link": true}`
 * for a symbolic link whose target is the body. Meaning is the kind's; absent means default.
 */
export type Attributes = { readonly [key: string]: Canonical };

/** A slice of an encrypted object's plaintext. */
export interface Piece {
  readonly object: ObjectId;
  /** The epoch whose key opens the object. */
  readonly keyId: number;
  readonly offset: number;
  readonly length: number;
}

/** What an item holds at a revision: a keyed digest of the whole, and where its bytes are. An empty body has no piece. */
export interface Content {
  readonly digest: ContentDigest;
  /** Plaintext bytes: the sum of the pieces' lengths. */
  readonly size: number;
  readonly attributes: Attributes;
  readonly pieces: readonly Piece[];
}

/** The bytes that the digest covers beside the body. */
export function attributesBytes(attributes: Attributes): Uint8Array {
  return encodeCanonical(attributes);
}
