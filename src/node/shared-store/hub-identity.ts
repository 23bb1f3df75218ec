import { isHex32, type MachineId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import { StoreUnusable } from '../../store/store-unusable.ts';

export const HUB_COLLECTION = 'hub';
const ID = 'identity';
const MOVING = 'moving';

/**
 * All hubs on one database are one hub to their clients, who pinned its key: the first one's. Throws `StoreUnusable` for
 * one with another key. Nothing secret is kept in the database.
 */
export async function claimHub(store: Store, machine: MachineId, keys: string): Promise<void> {
  await claimForMove(store, machine, keys);
  if (!(await isMoving(store))) return;
  throw new StoreUnusable(
    'refused',
    'a store is being moved into this database: let that end first (satchel store migrate, where it was begun)',
  );
}

/** Whether a move into this database was begun, and did not end. */
export async function isMoving(store: Store): Promise<boolean> {
  return (await store.read(({ documents }) => documents.get(HUB_COLLECTION, MOVING))) !== undefined;
}

export async function setMoving(store: Store, isUnderWay: boolean): Promise<void> {
  await store.write(({ documents }) =>
    isUnderWay ? documents.put(HUB_COLLECTION, MOVING, true) : documents.remove(HUB_COLLECTION, MOVING),
  );
}

/** The same for one that moves its store there. */
export async function claimForMove(store: Store, machine: MachineId, keys: string): Promise<void> {
  const kept = await store.write(async ({ documents }) => {
    const found = await documents.get<{ machine: string }>(HUB_COLLECTION, ID);
    if (found === undefined) await documents.put(HUB_COLLECTION, ID, { machine });
    return found?.machine ?? machine;
  });
  if (kept === machine) return;
  throw new StoreUnusable(
    'refused',
    `this database is kept by the hub ${isHex32(kept) ? kept.slice(0, 16) : '?'}, and this one has other keys (${machine.slice(0, 16)}): its clients would not trust it. Copy that hub’s keys folder to ${keys} (files 0600), in place of what is there`,
  );
}
