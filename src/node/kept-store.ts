import type { ObjectStore } from '../core/ports/objects.ts';
import type { Store } from '../core/ports/store.ts';
import type { BucketWatch } from './bucket-watch.ts';

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
  /** How the bucket is that they lie in; absent where they lie with the store. */
  readonly bucket?: BucketWatch;
}
