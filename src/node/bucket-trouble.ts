import type { Blobs } from '../core/ports/blobs.ts';
import type { Clock } from '../core/ports/clock.ts';
import { RemoteError } from '../core/ports/remote.ts';
import { StoreUnavailable } from '../core/ports/store.ts';
import type { KeptObjects } from './kept-store.ts';

const UNREACHABLE_AGAIN = 2_000;
/** Milliseconds between two looks of whoever asks for the health of a hub that its bucket does not let in. */
const LOOK_AGAIN = 10_000;

/** What opens a hub's bucket is read when it starts. */
const REFUSED =
  'Correct what opens the bucket, in buckets.json beside config.json or in the environment of this hub (docs/guides/object-storage.md), and start it again';
const UNREACHABLE = 'Bring the bucket within reach: it is asked again by itself, and clients come again meanwhile';

/** Trouble of a hub's bucket as trouble of its store, with what helps; any other error as it is. */
export function bucketTrouble(error: unknown): unknown {
  if (!(error instanceof RemoteError)) return error;
  const isAway = error.type === 'unreachable';
  return new StoreUnavailable(isAway ? 'unreachable' : 'refused', error.message, {
    retryAfter: error.retryAfter ?? UNREACHABLE_AGAIN,
    remedy: isAway ? UNREACHABLE : REFUSED,
    cause: error,
  });
}

/** Asks for a blob that is not there: throws RemoteError where the bucket is away, or does not let this hub in. One request. */
export async function askBucket(blobs: Pick<Blobs, 'read'>): Promise<void> {
  await blobs.read('chunks/nothing', { offset: 0, length: 1 });
}

/** A hub's objects in a bucket, whose trouble is told as {@link bucketTrouble}. */
export function withBucketTrouble(objects: KeptObjects, blobs: Pick<Blobs, 'read'>, clock: Clock): KeptObjects {
  /** The bucket let this hub in no longer, as it was seen last: when. */
  let refusedAt: number | null = null;

  async function told<T>(work: Promise<T>): Promise<T> {
    try {
      const done = await work;
      refusedAt = null;
      return done;
    } catch (error) {
      if (error instanceof RemoteError) refusedAt = error.type === 'unauthorized' ? clock.now() : null;
      throw bucketTrouble(error);
    }
  }

  return {
    put: (space, batch) => told(objects.put(space, batch)),
    has: (space, ids) => told(objects.has(space, ids)),
    get: (space, ids) => told(objects.get(space, ids)),
    delete: (space, ids) => told(objects.delete(space, ids)),
    async *list(space) {
      try {
        yield* objects.list(space);
      } catch (error) {
        throw bucketTrouble(error);
      }
    },
    compact: (space, options) => told(objects.compact(space, options)),
    shrink: () => objects.shrink(),
    close: () => objects.close(),
    ask: () => told(askBucket(blobs)),
    async health() {
      if (refusedAt !== null && Math.abs(clock.now() - refusedAt) >= LOOK_AGAIN) await told(askBucket(blobs));
      if (refusedAt !== null)
        throw new StoreUnavailable('refused', 'the bucket does not let this hub in', { retryAfter: LOOK_AGAIN, remedy: REFUSED });
    },
  };
}
