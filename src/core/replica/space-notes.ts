import type { SpaceId } from '../ids.ts';
import type { Head } from '../log/record.ts';
import type { Sibling, Store } from '../ports/store.ts';
import { FALLEN_ERASURES, type FallenErasure } from './fallen-erasures.ts';
import { itemsUnlanded, listRelands, relandsOf, UNLANDED, type Reland } from './reland.ts';
import { remembered } from './remembered.ts';

/** Collection: what a replica that began with a checkpoint has yet to fetch of its log, by space. */
export const BACKFILLS = 'backfills';

/** What a replica that began with a checkpoint still has to fetch: the records before it, for its history. */
export interface Backfill {
  /** The next record to fetch. */
  readonly next: number;
  readonly previous: Head;
  /** The checkpoint: where the records must lead. */
  readonly until: Head;
  /** What the checkpoint says of the state there. */
  readonly digest: string;
}

/** What the store says of a space apart from the states of its items: each asks it only after a write to what it is read from. */
export interface SpaceNotes {
  /** Where the local log ends; `null` before anything of it is here. */
  readonly head: () => Promise<Head | null>;
  /** Open conflicts of the log, without drafts. */
  readonly siblings: () => Promise<readonly Sibling[]>;
  /** What fell back with the log, and is to land again. */
  readonly relands: () => Promise<readonly { readonly key: string; readonly reland: Reland }[]>;
  /** Items of which earlier versions stand here until what fell was gone through. */
  readonly unlanded: () => Promise<ReadonlySet<string>>;
  /** What had been erased by records that fell, and is to be erased again. */
  readonly fallenErasures: () => Promise<readonly FallenErasure[]>;
  /** How far the records before the checkpoint are that this replica began with; `null`: nothing is missing. */
  readonly backfill: () => Promise<Backfill | null>;
}

export function createSpaceNotes(store: Store, space: SpaceId): SpaceNotes {
  return {
    head: remembered(store, () => store.read((tx) => tx.logs.head(space)), 'logs'),
    siblings: remembered(store, () => store.read((tx) => tx.items.siblings(space)), 'siblings'),
    relands: remembered(store, () => store.read((tx) => listRelands(tx, space)), `documents in ${relandsOf(space)}`),
    unlanded: remembered(store, () => store.read((tx) => itemsUnlanded(tx, space)), `documents in ${UNLANDED}`),
    fallenErasures: remembered(
      store,
      async () => (await store.read((tx) => tx.documents.get<readonly FallenErasure[]>(FALLEN_ERASURES, space))) ?? [],
      `documents in ${FALLEN_ERASURES}`,
    ),
    backfill: remembered(
      store,
      async () => (await store.read((tx) => tx.documents.get<Backfill>(BACKFILLS, space))) ?? null,
      `documents in ${BACKFILLS}`,
    ),
  };
}
