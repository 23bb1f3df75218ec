import type { Content } from '../content.ts';
import type { CommitId, CommitKey, MachineId, RecordHash, Revision, SpaceId } from '../ids.ts';
import type { Item } from '../item.ts';
import type { Head } from '../log/record.ts';
import type { FeedTable } from './feeds.ts';

/**
 * One node's durable state. A transaction is atomic, isolated from the others, and durable when `write` resolves;
 * what throws inside it rolls it back. Transactions of one store run one after the other: never await the network, a
 * remote or another transaction inside one. Where several processes write to one store, `work` may run again from the
 * start, after it lost against another one: it leaves nothing behind but what it returns. Throws {@link StoreUnavailable}.
 */
export interface Store {
  read<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;
  write<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;
  /**
   * How many writing transactions have ended, counted before `write` resolves: while it stays the same, nothing was
   * written. Of a part: at least those that wrote to it. Absent where others write to the same store.
   */
  readonly writes?: (part?: StorePart) => number;
  close(): Promise<void>;
}

/** The store is not there now, or has more to do than it can: nothing was written, or nobody knows whether; later it may be there again. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  /** `refused`: it lets us in no longer, or not do what is to be done; `full`: there is no room on its disk for what was to be written. */
  readonly reason: 'busy' | 'unreachable' | 'refused' | 'full';
  /** Milliseconds after which to try again. */
  readonly retryAfter: number;
  /** What a person can do about it. */
  readonly remedy: string;
  constructor(
    reason: StoreUnavailable['reason'],
    message: string,
    options: { readonly retryAfter: number; readonly remedy?: string; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.retryAfter = options.retryAfter;
    this.remedy = options.remedy ?? REMEDIES[reason];
  }
}

const REMEDIES: Readonly<Record<StoreUnavailable['reason'], string>> = {
  busy: 'Make room for more connections: ?connections=N behind the address of the store, and max_connections of the database',
  unreachable: 'Start the database, or make room for more connections',
  refused: 'Have it let in what is refused; a new password is read when the hub starts again',
  full: 'Make room on its disk: it goes on by itself, and machines keep what they send until it is taken',
};

/** What the store reads of its own is no longer what it wrote. */
export class StoreDamaged extends Error {
  override readonly name: string = 'StoreDamaged';
}

/** What of a store, of all spaces: logs, the states of items, open conflicts, drafts, the views of a writer, a collection of documents. */
export type StorePart = 'logs' | 'items' | 'siblings' | 'drafts' | `views of ${string}` | `documents in ${string}`;

export interface StoreTransaction {
  readonly logs: LogTable;
  readonly items: ItemTable;
  readonly drafts: DraftTable;
  readonly views: ViewTable;
  readonly documents: DocumentTable;
  readonly feeds: FeedTable;
}

/** A record as it lies in a log: `bytes` is `encodeRecord`, the rest is copied out of it to be looked up by. */
export interface StoredRecord {
  readonly position: number;
  readonly hash: RecordHash;
  readonly id: CommitId;
  readonly signer: MachineId;
  readonly term: number;
  readonly type: 'commit' | 'control';
  readonly bytes: Uint8Array;
}

/** The records of each space in their order. Knows nothing of keys. */
export interface LogTable {
  /** `null` for a space of which nothing is here. */
  head(space: SpaceId): Promise<Head | null>;
  /** Spaces with at least one record. */
  spaces(): Promise<SpaceId[]>;
  /** Appends behind `expected`, or does nothing and answers false when the head is another. O(records). */
  append(space: SpaceId, expected: Head, records: readonly StoredRecord[]): Promise<boolean>;
  /**
   * Puts records into gaps: below the head, or anywhere in an empty log, which then begins with gaps (a machine that
   * started from a checkpoint). Those that are there already are left; another record in a place that is taken throws.
   */
  fill(space: SpaceId, records: readonly StoredRecord[]): Promise<void>;
  /** Ascending from `from`; stops after `records`, or before `bytes` would be passed, but gives one at least. */
  read(space: SpaceId, from: number, limit: { readonly records: number; readonly bytes: number }): Promise<StoredRecord[]>;
  /** The first so many commits from position `from` on, ascending, without their bytes. */
  commits(space: SpaceId, from: number, limit: number): Promise<Pick<StoredRecord, 'position' | 'signer' | 'id'>[]>;
  /** All control records from position `from` on, ascending. */
  controls(space: SpaceId, from: number): Promise<StoredRecord[]>;
  /**
   * Which of these commits are in the log, with all their positions, ascending: one may stand there twice, since its
   * author can repeat it (the rule makes all but the first valid one void). Records of others under the same id are
   * other commits.
   */
  positionsOf(space: SpaceId, commits: readonly CommitKey[]): Promise<Map<CommitKey, number[]>>;
  /**
   * Takes the records after `position` out of the log, for a move of the home remote that continues there, and keeps
   * them, listed by {@link LogTable.fallen}.
   */
  fallBack(space: SpaceId, position: number): Promise<void>;
  /** Records that a move left behind, oldest first. */
  fallen(space: SpaceId): Promise<StoredRecord[]>;
  /** Forgets these fallen records, once they landed again. */
  dropFallen(space: SpaceId, hashes: readonly RecordHash[]): Promise<void>;
  /** Removes a whole log, fallen records included. */
  remove(space: SpaceId): Promise<void>;
}

/** What the log says of an item now. `content: null`: it was deleted. */
export interface ItemState {
  readonly item: Item;
  readonly revision: Revision;
  readonly position: number;
  readonly content: Content | null;
}

/** One entry of an item's history. `collapsed` bodies never were a current revision. */
export interface HistoryEntry {
  readonly item: Item;
  readonly revision: Revision;
  readonly base: Revision | null;
  readonly type: 'put' | 'append' | 'delete' | 'keep' | 'collapsed';
  readonly position: number;
  /** Order inside the record. */
  readonly index: number;
  readonly content: Content | null;
}

/** An open conflict. */
export interface Sibling {
  readonly item: Item;
  readonly sibling: Revision;
  readonly base: Revision | null;
  readonly position: number;
  readonly content: Content | null;
}

/** State derived from the log by replaying it: rebuilt from there at any time. */
export interface ItemTable {
  /** Keyed by `itemKey`; items that never existed are absent. One look-up an item. */
  get(space: SpaceId, items: readonly Item[]): Promise<Map<string, ItemState>>;
  /**
   * Ordered by kind and name (by UTF-8 bytes). `prefix` is of the name; `after` is exclusive. Deleted items only when
   * asked for.
   */
  list(
    space: SpaceId,
    query: { readonly kind?: string; readonly prefix?: string; readonly after?: Item; readonly limit: number; readonly deleted?: boolean },
  ): Promise<ItemState[]>;
  put(space: SpaceId, states: readonly ItemState[]): Promise<void>;
  addHistory(space: SpaceId, entries: readonly HistoryEntry[]): Promise<void>;
  /** Newest first. `before` is an exclusive position. */
  history(space: SpaceId, item: Item, query: { readonly before?: number; readonly limit: number }): Promise<HistoryEntry[]>;
  /** Where each item's history begins, as far as it is here, by `itemKey`. One look-up an item. */
  firstPositions(space: SpaceId, items: readonly Item[]): Promise<Map<string, number>>;
  /** Of all items, newest first, whole records at a time. */
  historyByPosition(space: SpaceId, query: { readonly before?: number; readonly limit: number }): Promise<HistoryEntry[]>;
  /** By revision (or sibling, or collapsed) id, or by a unique prefix of at least 4 hex characters. */
  findRevision(space: SpaceId, prefix: string): Promise<HistoryEntry[]>;
  addSiblings(space: SpaceId, siblings: readonly Sibling[]): Promise<void>;
  removeSiblings(space: SpaceId, item: Item, ids: readonly Revision[]): Promise<void>;
  /** Open ones, of one item or of all, ordered by position. */
  siblings(space: SpaceId, item?: Item): Promise<Sibling[]>;
  /** Items that hold something, but for those of the kinds in `without`, and open conflicts. */
  count(
    space: SpaceId,
    without?: readonly string[],
  ): Promise<{ readonly items: number; readonly bytes: number; readonly siblings: number }>;
  /** Empties all of the space's derived state, before a replay from the start. */
  clear(space: SpaceId): Promise<void>;
}

/** A draft commit as canonical bytes, in the order it was made. */
export interface StoredDraft {
  readonly id: CommitId;
  readonly bytes: Uint8Array;
}

export interface DraftTable {
  list(space: SpaceId): Promise<StoredDraft[]>;
  /** Adds at the end, or replaces the draft of that id in its place. */
  put(space: SpaceId, drafts: readonly StoredDraft[]): Promise<void>;
  remove(space: SpaceId, ids: readonly CommitId[]): Promise<void>;
}

/** What a writer was last shown of an item, or itself wrote: the merge base of what it writes next. */
export interface View {
  readonly item: Item;
  /** `null`: shown as absent. */
  readonly shown: Content | null;
  /** Set before an apply: content that the writer may find in place after a crash, and then counts as shown. */
  readonly intended: { readonly content: Content | null } | null;
  /** Why the item cannot be shown to this writer: its absence there is no deletion. */
  readonly notHere: string | null;
  /** The writer's own note, opaque here (a file's stat data). At most 1 KiB. */
  readonly local: string | null;
}

export interface ViewTable {
  /** All of a writer's views, or those at and under some names. O(views), or O(names and what is found). */
  list(space: SpaceId, writer: string, under?: readonly string[]): Promise<View[]>;
  get(space: SpaceId, writer: string, items: readonly Item[]): Promise<Map<string, View>>;
  put(space: SpaceId, writer: string, views: readonly View[]): Promise<void>;
  remove(space: SpaceId, writer: string, items: readonly Item[]): Promise<void>;
  /** Every writer that has a view in the space. */
  writers(space: SpaceId): Promise<string[]>;
  clear(space: SpaceId, writer: string): Promise<void>;
}

/** Small named things: spaces, remotes, invitations, tokens, leases, cursors. Values are JSON. */
export interface DocumentTable {
  get<T>(collection: string, id: string): Promise<T | undefined>;
  put<T>(collection: string, id: string, value: T): Promise<void>;
  remove(collection: string, id: string): Promise<void>;
  /** Removes all of a collection, however many: nothing of it is read. */
  clear(collection: string): Promise<void>;
  /** Ordered by id. */
  list<T>(collection: string): Promise<{ readonly id: string; readonly value: T }[]>;
  /** Names of all collections that hold something, ordered: for copies of a whole store. O(documents). */
  collections(): Promise<string[]>;
}
