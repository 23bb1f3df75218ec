import type { Store } from '../../src/core/ports/store.ts';

/**
 * A store that runs every writing transaction twice, the first time only to roll it back: as a database that several
 * processes write to, where it lost against another one. What a transaction does besides writing happens twice.
 */
export function createAgainStore<S extends Store>(store: S): S {
  return {
    ...store,
    async write(work) {
      await store
        .write(async (tx) => {
          await work(tx);
          throw new Lost();
        })
        .catch((error: unknown) => {
          if (!(error instanceof Lost)) throw error;
        });
      return store.write(work);
    },
  };
}

/** The first run came to its end. */
class Lost extends Error {}
