import { RemoteError } from '../core/ports/remote.ts';
import type { StoreUnavailable } from '../core/ports/store.ts';
import { bucketTrouble, type WatchedBucket } from './bucket-watch.ts';
import type { KeptObjects } from './kept-store.ts';

/**
 * A hub's objects in a bucket, whose trouble is told as {@link bucketTrouble}. What becomes of what is asked of it is what the watch
 * hears. While that says that the bucket is away, nothing is asked of it: each such question would hold what it holds (a lock on a log, a
 * connection to the database) for as long as the bucket is waited for, until those who need no body had to wait as well.
 */
export function withBucketTrouble(objects: Omit<KeptObjects, 'bucket'>, watch: WatchedBucket): KeptObjects {
  async function told<T>(work: () => Promise<T>): Promise<T> {
    if (watch.isAway && watch.problem !== null) throw watch.problem;
    try {
      const done = await work();
      watch.answered();
      return done;
    } catch (error) {
      if (error instanceof RemoteError) watch.failed(error);
      throw bucketTrouble(error);
    }
  }

  return {
    // What is asked of nothing is no question: the bucket does not hear of it.
    put: (space, batch) => (batch.length === 0 ? Promise.resolve() : told(() => objects.put(space, batch))),
    has: (space, ids) => (ids.length === 0 ? Promise.resolve(new Set()) : told(() => objects.has(space, ids))),
    get: (space, ids) => (ids.length === 0 ? Promise.resolve(new Map()) : told(() => objects.get(space, ids))),
    delete: (space, ids) => (ids.length === 0 ? Promise.resolve() : told(() => objects.delete(space, ids))),
    async *list(space) {
      if (watch.isAway && watch.problem !== null) throw watch.problem;
      try {
        yield* objects.list(space);
      } catch (error) {
        if (error instanceof RemoteError) watch.failed(error);
        throw bucketTrouble(error);
      }
    },
    compact: (space, options) => told(() => objects.compact(space, options)),
    shrink: () => objects.shrink(),
    close: () => objects.close(),
    bucket: watch,
  };
}

/**
 * That a bucket refuses, as anybody may be told: with the code and status that it answered, and not where it is or as whom it is asked,
 * which its message may name.
 */
export function bucketRefusal({ message, cause }: StoreUnavailable): string {
  const [status] = /(?<=\()\d{3}(?=\)$)/.exec(message) ?? [];
  const said = cause instanceof Error ? cause.cause : undefined;
  const names = said instanceof Error ? ['code' in said ? said.code : null, said.name] : [];
  const code = names.find(
    (name): name is string => typeof name === 'string' && /^[A-Z][A-Za-z]{3,40}$/.test(name) && !name.endsWith('Error'),
  );
  const answered = [code, status].filter((part) => part !== undefined).join(', ');
  return `the bucket behind this hub does not let it in${answered === '' ? '' : ` (it answers ${answered})`}`;
}
