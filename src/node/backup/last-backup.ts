import type { Store } from '../../core/ports/store.ts';

/** The last backup that this node wrote. Where it lies by now, nobody here knows. */
export interface LastBackup {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly bytes: number;
}

const COLLECTION = 'backups';
const ID = 'last';

export function noteBackup(store: Store, backup: LastBackup): Promise<void> {
  return store.write((tx) => tx.documents.put(COLLECTION, ID, backup));
}

export async function lastBackup(store: Store): Promise<LastBackup | null> {
  return (await store.read((tx) => tx.documents.get<LastBackup>(COLLECTION, ID))) ?? null;
}
