import type { ObjectStore } from '../core/ports/objects.ts';
import type { Store } from '../core/ports/store.ts';

/** A node's store, with what its upkeep asks for. */
export interface KeptStore extends Store {
  /** Where it is, as shown to people; `null`: in the node's own home. */
  readonly place: string | null;
  /** Bytes of the database, bodies apart where it keeps them apart. */
  readonly size: () => Promise<number>;
  /** What is wrong with the database, one line each; none when it is sound. */
  verify(): Promise<string[]>;
  /** Lets go of what only saves work. */
  shrink(): Promise<void>;
  /** Has what was deleted leave the disk, as far as that is up to this node. */
  wipe(): Promise<void>;
  /** Writes a copy of all of it into a file that must not exist. Absent where the database has its own ways. */
  backup?(path: string): Promise<void>;
}

export interface KeptObjects extends ObjectStore {
  shrink(): void;
  /** Throws StoreUnavailable where this process alone cannot use them: it was seen that it is not let in. Absent where that cannot be. */
  health?(): Promise<void>;
  /** Asks whether they can be used now, by one request: throws StoreUnavailable with what helps. Only of a bucket. */
  ask?(): Promise<void>;
}
