import type { SealedObject } from '../crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../ids.ts';
import type { StoreTransaction } from './store.ts';

/**
 * Encrypted, immutable objects (chunks and bundles) of a space, addressed by their SHA-256. Spaces never share:
 * "has" answers for one space only.
 */
export interface ObjectStore {
  /**
   * Durable when it resolves, all of them; idempotent. A crash in between leaves none or some, never a damaged one
   * that `get` would serve. Concurrent calls share an fsync.
   */
  put(space: SpaceId, objects: readonly SealedObject[]): Promise<void>;
  /** Those of `ids` that are here. Cost: one index look-up an id. */
  has(space: SpaceId, ids: readonly ObjectId[]): Promise<Set<ObjectId>>;
  /** Absent ids are absent from the map. Bytes are checked against the id: damaged ones throw {@link DamagedObject}. */
  get(space: SpaceId, ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>>;
  /** Idempotent; space is given back at the latest by `compact`. */
  delete(space: SpaceId, ids: readonly ObjectId[]): Promise<void>;
  /** All ids with their stored sizes, in no order. */
  list(space: SpaceId): AsyncIterable<{ readonly id: ObjectId; readonly size: number }>;
  /**
   * Gives back the space of deleted objects. Safe to interrupt. Returns bytes freed. `thorough`: of all of them, so
   * that their bytes leave the disk; otherwise where that is worth the writing.
   */
  compact(space: SpaceId, options?: { readonly thorough?: boolean }): Promise<number>;
  /**
   * The same objects inside a writing transaction of the store, for those that lie in its database: what is put there is durable
   * with all that the transaction writes, or not there at all. `null`: it is no transaction of that database.
   */
  readonly within?: (tx: StoreTransaction) => Pick<ObjectStore, 'put' | 'has'> | null;
  close(): Promise<void>;
}

/** As {@link ObjectStore.get}, but a damaged object is as good as none, and keeps none of the others back. */
export async function getSound(
  objects: Pick<ObjectStore, 'get'>,
  space: SpaceId,
  ids: readonly ObjectId[],
): Promise<Map<ObjectId, Uint8Array>> {
  try {
    return await objects.get(space, ids);
  } catch (error) {
    if (!(error instanceof DamagedObject)) throw error;
    if (ids.length <= 1) return new Map();
  }
  const found = new Map<ObjectId, Uint8Array>();
  for (const id of ids) for (const [, bytes] of await getSound(objects, space, [id])) found.set(id, bytes);
  return found;
}

export class DamagedObject extends Error {
  override readonly name = 'DamagedObject';
  readonly space: SpaceId;
  readonly id: ObjectId;
  constructor(space: SpaceId, id: ObjectId, where: string) {
    super(`object ${id} is damaged in ${where}; run: satchel store verify --read-data`);
    this.space = space;
    this.id = id;
  }
}
