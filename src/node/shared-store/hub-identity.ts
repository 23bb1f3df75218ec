import { isHex32, type MachineId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import { StoreUnusable } from '../../store/store-unusable.ts';

export const HUB_COLLECTION = 'hub';
export const IDENTITY = 'identity';
export const MOVING = 'moving';
const LOOKED = 'looked-at';

/**
 * All hubs on one database are one hub to their clients, who pinned its key: the first one's. Throws `StoreUnusable` for
 * one with another key. Nothing secret is kept in the database.
 */
export async function claimHub(store: Store, machine: MachineId, keys: string): Promise<void> {
  const other = await claim(store, machine);
  if (other !== null) refuseOther(other, machine, keys);
  refuseMoving(await isMoving(store));
}

/** Throws where the hub that keeps a database is another than the one with the key `machine`; `null`: it has none yet. */
export function refuseOther(keptBy: string, machine: MachineId | null, keys: string): void {
  if (keptBy === machine) return;
  throw new StoreUnusable(
    'refused',
    `${isOther(keptBy, machine)}. A hub that is to be another process of that one takes its keys: copy that hub’s keys folder to ${keys} (files 0600). One that keeps logs of its own takes another database, or another schema: ?schema=NAME`,
  );
}

export function refuseMoving(isUnderWay: boolean): void {
  if (!isUnderWay) return;
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

/** The same for one that moves its store there. What keeps it from that; `null`: nothing. Its own keys are what its clients trust: they must stay. */
export async function claimForMove(store: Store, machine: MachineId): Promise<string | null> {
  const other = await claim(store, machine);
  return other === null ? null : isOther(other, machine);
}

/** Whose it is, where that is another hub's. */
async function claim(store: Store, machine: MachineId): Promise<string | null> {
  const kept = await store.write(async ({ documents }) => {
    const found = await documents.get<{ machine: string }>(HUB_COLLECTION, IDENTITY);
    if (found === undefined) await documents.put(HUB_COLLECTION, IDENTITY, { machine });
    return found?.machine ?? machine;
  });
  return kept === machine ? null : kept;
}

export function isOther(other: string, machine: MachineId | null): string {
  const own = machine === null ? 'no keys' : `other keys (${machine.slice(0, 16)}), which its clients trust`;
  return `this database is kept by the hub ${isHex32(other) ? other.slice(0, 16) : '?'}, and this one has ${own}`;
}

/** Writes something, however little: a store that can only be read is not well. */
export async function noteLooked(store: Store, at: number): Promise<void> {
  await store.write(({ documents }) => documents.put(HUB_COLLECTION, LOOKED, { at }));
}
