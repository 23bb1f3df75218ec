import type { ObjectId, SpaceId } from '../../core/ids.ts';
import { DamagedObject, type ObjectStore } from '../../core/ports/objects.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { checkObject } from './check-object.ts';

/** Objects in this process's memory: as durable as it is. */
export function createMemoryObjects(): ObjectStore {
  const spaces = new Map<SpaceId, Map<ObjectId, Uint8Array>>();
  const objectsOf = (space: SpaceId): Map<ObjectId, Uint8Array> => spaces.get(space) ?? new Map<ObjectId, Uint8Array>();

  return {
    async put(space, objects) {
      objects.forEach(checkObject);
      const held = objectsOf(space);
      spaces.set(space, held);
      for (const { id, bytes } of objects) held.set(id, Uint8Array.from(bytes));
    },
    has: async (space, ids) => new Set(ids.filter((id) => objectsOf(space).has(id))),
    async get(space, ids) {
      const found = new Map<ObjectId, Uint8Array>();
      for (const id of ids) {
        const bytes = objectsOf(space).get(id);
        if (bytes === undefined) continue;
        if (sha256Hex(bytes) !== id) throw new DamagedObject(space, id, 'memory');
        found.set(id, bytes);
      }
      return found;
    },
    async delete(space, ids) {
      for (const id of ids) objectsOf(space).delete(id);
    },
    async *list(space) {
      for (const [id, bytes] of objectsOf(space)) yield { id, size: bytes.length };
    },
    compact: async () => 0,
    close: async () => {},
  };
}
