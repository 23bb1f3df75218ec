import type { ObjectId, SpaceId } from '../../src/core/ids.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { Store } from '../../src/core/ports/store.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import type { SimRandom } from './network.ts';

/** What sort of remote the spaces of a schedule are at home at. */
export type PlaceKind = 'hub' | 'bucket' | 'git';

/** A place where logs can be kept. */
export interface SimPlace {
  readonly address: string;
  /** One process, which all machines call: no machine remembers anything of it. */
  readonly isServed: boolean;
  /** Without faults, and with nothing remembered that would be old. */
  readonly remote: Remote;
  /** The place as a process has it: each call is another process. `loss`: the part of its own requests that goes wrong. */
  connect(loss: () => number): Remote;
  /** Which of these objects it holds, whatever it says of them. */
  holds(space: SpaceId, ids: readonly ObjectId[]): Promise<ObjectId[]>;
  /** It loses everything, and is the same place. */
  clear(): Promise<void>;
}

export interface PlaceDeps {
  readonly address: string;
  readonly random: SimRandom;
  readonly now: () => number;
  readonly openStore: () => Promise<Store>;
  /** Takes all objects that are put at any place, deleted or not. */
  readonly archive: ObjectStore;
}

/** A hub: one process, which all machines call. */
export async function openHubPlace({ address, now, openStore, archive }: PlaceDeps): Promise<SimPlace> {
  const clock = { now, sleep: async () => undefined };
  const open = async (): Promise<{ remote: Remote; objects: ObjectStore }> => {
    const objects = keepingAll(createObjectStoreDouble(), archive);
    return { objects, remote: createLocalRemote({ store: await openStore(), objects, clock, address }) };
  };
  let current = await open();
  return {
    address,
    isServed: true,
    get remote() {
      return current.remote;
    },
    connect: () => current.remote,
    holds: async (space, ids) => [...(await current.objects.has(space, ids))],
    async clear() {
      current = await open();
    },
  };
}

/** What is put there is put into the archive too: a place that is restored has what was deleted since. */
function keepingAll(objects: ObjectStore, archive: ObjectStore): ObjectStore {
  return {
    ...objects,
    async put(space, batch) {
      await archive.put(space, batch);
      await objects.put(space, batch);
    },
  };
}
