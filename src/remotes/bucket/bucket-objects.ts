import { sha256Hex } from '../../core/crypto/hash.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import { mapAtOnce } from './at-once.ts';
import { damaged } from './damage.ts';
import type { Drops } from './drops.ts';
import type { Dropped } from './segment.ts';

/** The objects of one space, a blob each, named by content: what is there is what belongs there. Drops are followed by the caller. */
export interface BucketObjects {
  /** Those of `ids` that are there, as far as was seen: what was seen once is not looked at again. A request each that was not. */
  has(ids: readonly ObjectId[]): Promise<Set<ObjectId>>;
  /** Those of `ids` that are there now: somebody may have taken blobs out of the bucket. A request each. */
  look(ids: readonly ObjectId[]): Promise<Set<ObjectId>>;
  /** A request each, 16 at once. */
  put(objects: readonly SealedObject[]): Promise<void>;
  get(ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>>;
  /** Takes the bytes of dropped ones away, those of earlier generations too. A request for 1,000. */
  remove(dropped: readonly Dropped[]): Promise<void>;
  /** Of a bucket that was restored: nothing that was seen needs to be there. */
  forget(): void;
}

const SEEN_KEPT = 100_000;
const REMOVED_AT_ONCE = 1_000;

export function createBucketObjects(blobs: Blobs, folder: string, drops: Drops): BucketObjects {
  /** The generation under which an object was seen: blobs only go once a drop names them. */
  const seen = new Map<ObjectId, number>();

  const name = (id: ObjectId, generation: number): string => `${folder}/objects/${id}${generation === 0 ? '' : `.${generation}`}`;

  function note(id: ObjectId, generation: number): void {
    if (seen.size >= SEEN_KEPT) seen.clear();
    seen.set(id, generation);
  }

  async function isThere(id: ObjectId): Promise<boolean> {
    const generation = drops.generation(id);
    if (seen.get(id) === generation) return true;
    if ((await blobs.size(name(id, generation))) === null) return false;
    note(id, generation);
    return true;
  }

  async function has(ids: readonly ObjectId[]): Promise<Set<ObjectId>> {
    const wanted = [...new Set(ids)];
    const found = await mapAtOnce(wanted, isThere);
    return new Set(wanted.filter((_, at) => found[at]));
  }

  return {
    has,
    async look(ids) {
      for (const id of ids) seen.delete(id);
      return has(ids);
    },
    async put(objects) {
      const wanted = [...new Map(objects.map((object) => [object.id, object])).values()];
      await mapAtOnce(wanted, async ({ id, bytes }) => {
        const generation = drops.generation(id);
        if (seen.get(id) === generation) return;
        await blobs.create(name(id, generation), bytes);
        note(id, generation);
      });
    },
    async get(ids) {
      const found = new Map<ObjectId, Uint8Array>();
      await mapAtOnce([...new Set(ids)], async (id) => {
        const key = name(id, drops.generation(id));
        const bytes = await blobs.read(key);
        if (bytes === null) return void seen.delete(id);
        if (sha256Hex(bytes) !== id) throw damaged(key, 'it does not match its name');
        found.set(id, bytes);
      });
      return found;
    },
    async remove(dropped) {
      const names = dropped.flatMap(({ id, generation }) => Array.from({ length: generation + 1 }, (_, at) => name(id, at)));
      for (let at = 0; at < names.length; at += REMOVED_AT_ONCE) await blobs.remove(names.slice(at, at + REMOVED_AT_ONCE));
    },
    forget: () => seen.clear(),
  };
}
