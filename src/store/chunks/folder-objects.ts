import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import { isHex32, type ObjectId, type SpaceId } from '../../core/ids.ts';
import type { ObjectStore } from '../../core/ports/objects.ts';
import type { Random } from '../../core/ports/random.ts';
import { checkObject } from './check-object.ts';
import { openPackIndex } from './pack-index.ts';
import { openSpacePacks, type SpacePacks } from './space-packs.ts';

export interface FolderObjects extends ObjectStore {
  /** `thorough`: every pack that holds a deleted object, not only those that are mostly dead, is written anew. */
  compact(space: SpaceId, options?: { readonly thorough?: boolean }): Promise<number>;
  /** Lets go of what only saves work, about 2 MB. */
  shrink(): void;
}

const PACK_BYTES = 64 * 1024 * 1024;
const MOSTLY_DEAD = 0.5;
const PAGE = 1_000;
/** A large put is checked and written in slices, so that checking one goes on while the one before is written. */
const SLICE_BYTES = 8 * 1024 * 1024;

/**
 * Objects in pack files in folders under `path` (docs of the format: pack-format.ts). One process at a time: a second one is
 * refused as `StoreUnusable`. Opening costs one small file; a space costs a `stat` a pack when it is first used.
 */
export function createFolderObjects(options: {
  readonly path: string;
  readonly random: Random;
  readonly packBytes?: number;
}): FolderObjects {
  const { path, random, packBytes = PACK_BYTES } = options;
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const index = openPackIndex(join(path, 'index.db'));
  const spaces = new Map<SpaceId, Promise<SpacePacks>>();
  let closed = false;

  function packsOf(space: SpaceId): Promise<SpacePacks> {
    if (closed) return Promise.reject(new Error('the object store is closed'));
    if (!isHex32(space)) return Promise.reject(new RangeError('not a space id'));
    let packs = spaces.get(space);
    if (packs === undefined) {
      packs = openSpacePacks({ folder: join(path, space), space, index, random, packBytes });
      spaces.set(space, packs);
      packs.catch(() => spaces.delete(space)); // the next call tries again
    }
    return packs;
  }

  return {
    async put(space, objects) {
      if (objects.length === 0) return;
      const packs = await packsOf(space);
      const slices: Promise<void>[] = [];
      try {
        for (const slice of slicesOf(objects)) {
          slice.forEach(checkObject);
          const written = packs.put(slice);
          written.catch(() => undefined); // awaited below
          slices.push(written);
          await nextTurn();
        }
      } finally {
        await Promise.all(slices);
      }
    },
    has: async (space, ids) => (await packsOf(space)).has(ids),
    get: async (space, ids) => (await packsOf(space)).get(ids),
    delete: async (space, ids) => (await packsOf(space)).delete(ids),
    async *list(space) {
      const packs = await packsOf(space);
      let after: ObjectId | null = null;
      do {
        const page = packs.page(after, PAGE);
        for (const { id, size } of page) yield { id, size };
        after = page.length === PAGE ? (page.at(-1)?.id ?? null) : null;
      } while (after !== null);
    },
    compact: async (space, { thorough = false } = {}) => (await packsOf(space)).compact(thorough ? 0 : MOSTLY_DEAD),
    shrink() {
      if (!closed) index.shrink();
    },
    async close() {
      if (closed) return;
      closed = true;
      const opened = await Promise.allSettled(spaces.values());
      for (const each of opened) if (each.status === 'fulfilled') await each.value.close();
      index.close();
    },
  };
}

function* slicesOf(objects: readonly SealedObject[]): Generator<readonly SealedObject[]> {
  let slice: SealedObject[] = [];
  let bytes = 0;
  for (const object of objects) {
    slice.push(object);
    bytes += object.bytes.length;
    if (bytes < SLICE_BYTES) continue;
    yield slice;
    slice = [];
    bytes = 0;
  }
  if (slice.length > 0) yield slice;
}
