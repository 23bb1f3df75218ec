import { isHex32, type MachineId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import { StoreUnusable } from '../../store/store-unusable.ts';

const COLLECTION = 'hub';
const ID = 'identity';

/**
 * All hubs on one database are one hub to their clients, who pinned its key: the first one's. Throws `StoreUnusable` for
 * one with another key. Nothing secret is kept in the database.
 */
export async function claimHub(store: Store, machine: MachineId, keys: string): Promise<void> {
  const kept = await store.write(async ({ documents }) => {
    const found = await documents.get<{ machine: string }>(COLLECTION, ID);
    if (found === undefined) await documents.put(COLLECTION, ID, { machine });
    return found?.machine ?? machine;
  });
  if (kept === machine) return;
  throw new StoreUnusable(
    'refused',
    `this database is kept by the hub ${isHex32(kept) ? kept.slice(0, 16) : '?'}, and this one has other keys (${machine.slice(0, 16)}): its clients would not trust it. Copy that hub’s keys folder to ${keys} (files 0600), in place of what is there`,
  );
}
