import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import { isHex32, type ObjectId, type SpaceId } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ObjectStore } from '../../core/ports/objects.ts';
import type { Random } from '../../core/ports/random.ts';
import { checkObject } from '../chunks/check-object.ts';
import { openBucketIndex } from './bucket-index.ts';
import type { StoppedLog } from './index-log.ts';
import type { LostEntries } from './index-restart.ts';
import { openSpaceBucket, type SpaceBucket } from './space-bucket.ts';

export interface BucketObjects extends ObjectStore {
  /** Reads on what the bucket says of the objects of a space. Throws `StoppedLog` where it cannot. Two requests where nothing is new. */
  readOn(space: SpaceId): Promise<void>;
  /** Whether this node knows anything of what the bucket says of that space. */
  knows(space: SpaceId): boolean;
  /** Lets go of what only saves work. */
  shrink(): void;
}

export interface BucketObjectsOptions {
  /** A bucket that passed the probe. Closed with the store. */
  readonly blobs: Blobs;
  /** Where this node keeps its copy of the index: a file that may be deleted while nobody uses it. */
  readonly index: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly packBytes?: number;
  readonly inlineBytes?: number;
  readonly snapshotEvery?: number;
  /** Hears what the bucket lost of the log of a space, where this node began a new run of it for that. */
  readonly onLost?: (lost: LostEntries) => void;
  /** Hears of each time that the log of a space was read to its end (`null`), or to what cannot be read. */
  readonly onRead?: (space: SpaceId, stopped: StoppedLog | null) => void;
}

/** In the bucket, beside what others keep there. */
const FOLDER = 'chunks';
const PACK_BYTES = 16 * 1024 * 1024;
const INLINE_BYTES = 256 * 1024;
const SNAPSHOT_EVERY = 512;
const PAGE = 1_000;
/** Milliseconds that what is under way has to end when the store is closed. */
const ENDING = 5_000;
/** A large put goes in slices, so that not all of it is in memory twice. */
const SLICE_BYTES = 32 * 1024 * 1024;
const SLICE_OBJECTS = 20_000;

/**
 * Objects in a bucket, which any number of nodes share (docs/decisions/0013). A put is one request where it is small, two
 * where it is not; `has` is one; `get` is one for neighbours.
 */
export function createBucketObjects(options: BucketObjectsOptions): BucketObjects {
  const { blobs, random, clock, packBytes = PACK_BYTES, inlineBytes = INLINE_BYTES, snapshotEvery = SNAPSHOT_EVERY } = options;
  mkdirSync(dirname(options.index), { recursive: true, mode: 0o700 });
  const index = openBucketIndex(options.index);
  const spaces = new Map<SpaceId, SpaceBucket>();
  let closed = false;

  function bucketOf(space: SpaceId): SpaceBucket {
    if (closed) throw new Error('the object store is closed');
    if (!isHex32(space)) throw new RangeError('not a space id');
    const known = spaces.get(space);
    if (known !== undefined) return known;
    const folder = `${FOLDER}/${space}`;
    const opened = openSpaceBucket({
      blobs,
      index,
      space,
      folder,
      random,
      clock,
      packBytes,
      inlineBytes,
      snapshotEvery,
      onLost: options.onLost,
      onRead: (stopped) => options.onRead?.(space, stopped),
    });
    spaces.set(space, opened);
    return opened;
  }

  return {
    async put(space, objects) {
      if (objects.length === 0) return;
      const bucket = bucketOf(space);
      objects.forEach(checkObject);
      for (const slice of slicesOf(objects)) await bucket.put(slice);
    },
    has: async (space, ids) => bucketOf(space).has(ids),
    get: async (space, ids) => bucketOf(space).get(ids),
    delete: async (space, ids) => bucketOf(space).delete(ids),
    async *list(space) {
      await bucketOf(space).fresh();
      let after: ObjectId | null = null;
      do {
        const page = index.page(space, after, PAGE);
        for (const { id, size } of page) yield { id, size };
        after = page.length === PAGE ? (page.at(-1)?.id ?? null) : null;
      } while (after !== null);
    },
    compact: async (space, { thorough = false } = {}) => bucketOf(space).compact(thorough),
    readOn: (space) => bucketOf(space).fresh(),
    knows: (space) => index.head(space).position > 0,
    shrink() {
      if (!closed) index.shrink();
    },
    async close() {
      if (closed) return;
      closed = true;
      const ended = Promise.all(Array.from(spaces.values(), (each) => each.close()));
      const over = new AbortController();
      await Promise.race([ended, clock.sleep(ENDING, over.signal)]);
      over.abort();
      // A bucket that is silent holds nobody who ends: nothing of what is cut off now was acknowledged.
      await blobs.close();
      await ended;
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
    if (bytes < SLICE_BYTES && slice.length < SLICE_OBJECTS) continue;
    yield slice;
    slice = [];
    bytes = 0;
  }
  if (slice.length > 0) yield slice;
}
