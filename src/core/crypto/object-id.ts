import type { ObjectId } from '../ids.ts';
import { sha256Hex, type Bytes } from './hash.ts';

const known = new WeakMap<Bytes, ObjectId>();

/**
 * The id of an object: the SHA-256 of its bytes, computed once for as long as these very bytes are held. Nobody may write
 * to bytes that were given here. Cost: O(bytes) the first time.
 */
export function objectIdOf(bytes: Bytes): ObjectId {
  const id = known.get(bytes) ?? (sha256Hex(bytes) as ObjectId);
  known.set(bytes, id);
  return id;
}

/** Notes the id that another thread computed. */
export function rememberObjectId(bytes: Bytes, id: ObjectId): void {
  known.set(bytes, id);
}
