import type { Clock } from '../core/ports/clock.ts';
import type { SpaceId } from '../core/ids.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { KeptStore } from './kept-store.ts';

/** What the feeds of gateways served of it is taken out of them a moment later. */
const AGAIN_MS = 30_000;

export interface WipeErased {
  /** After each sync. Cheap where nothing was erased since. */
  synced(replica: Pick<Replica, 'space' | 'lastDrop'>): Promise<void>;
}

/** Has what an erase record takes away leave the disk of this node too, where the store's log still holds it: at once, and half a minute later. */
export function createWipeErased(store: Pick<KeptStore, 'wipe'>, clock: Clock, signal: AbortSignal): WipeErased {
  /** The newest prune or erase record that was heard of, by space. */
  const seen = new Map<SpaceId, number>();
  return {
    async synced({ space, lastDrop }) {
      if (lastDrop < 0 || seen.get(space) === lastDrop) return;
      seen.set(space, lastDrop);
      await store.wipe();
      void clock
        .sleep(AGAIN_MS, signal)
        .then(() => (signal.aborted ? undefined : store.wipe()))
        .catch(() => seen.delete(space)); // the next sync tries it again
    },
  };
}
