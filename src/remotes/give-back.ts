import type { SpaceId } from '../core/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ObjectStore } from '../core/ports/objects.ts';
import type { DocumentTable, Store } from '../core/ports/store.ts';

/** That something was deleted of a space, and its bytes are still there. */
interface Owed {
  /** All of them have to go, not only where that is worth the writing: something was erased. */
  readonly isThorough: boolean;
  readonly times: number;
}

const COLLECTION = 'bytes-to-give-back';
/** Milliseconds until what failed is tried again. */
const AGAIN = 60_000;

/** Durable with the transaction, so before or with the deletion. */
export async function noteDeletion(documents: DocumentTable, space: SpaceId, isThorough: boolean): Promise<void> {
  const owed = await documents.get<Owed>(COLLECTION, space);
  const next: Owed = { isThorough: isThorough || owed?.isThorough === true, times: (owed?.times ?? 0) + 1 };
  await documents.put(COLLECTION, space, next);
}

/** Gives back, in the background, what deletions at a remote left: theirs who asked is the deletion alone. */
export interface GiveBack {
  /** Something was deleted. */
  wake(): void;
  /** What is owed, at first that of earlier lives, until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export interface GiveBackDeps {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly onFailed: (error: unknown) => void;
}

export function createGiveBack({ store, objects, clock, onFailed }: GiveBackDeps): GiveBack {
  let pause = new AbortController();
  let isAwake = true;

  /** False where some of it failed. */
  async function giveBack(signal: AbortSignal): Promise<boolean> {
    let isDone = true;
    const all = await store.read(({ documents }) => documents.list<Owed>(COLLECTION));
    for (const { id, value } of all) {
      if (signal.aborted) return true;
      try {
        await objects.compact(id as SpaceId, { thorough: value.isThorough });
        await store.write(async ({ documents }) => {
          const now = await documents.get<Owed>(COLLECTION, id);
          if (now?.times === value.times) await documents.remove(COLLECTION, id);
        });
      } catch (error) {
        isDone = false;
        if (!signal.aborted) onFailed(error);
      }
    }
    return isDone;
  }

  return {
    wake() {
      isAwake = true;
      pause.abort();
    },
    async run(signal) {
      const aborted = new Promise<boolean>((resolve) => signal.addEventListener('abort', () => resolve(true), { once: true }));
      const end = (): void => pause.abort();
      signal.addEventListener('abort', end, { once: true });
      while (!signal.aborted) {
        isAwake = false;
        const work = giveBack(signal).catch((error: unknown) => {
          if (!signal.aborted) onFailed(error);
          return false;
        });
        // Not waited for at the end: the objects end it soundly when they are closed.
        const isDone = await Promise.race([work, aborted]);
        if (signal.aborted || isAwake) continue;
        pause = new AbortController();
        await (isDone ? untilAborted(pause.signal) : clock.sleep(AGAIN, pause.signal));
      }
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
