import type { Generated } from 'kysely';

/**
 * The tables as Kysely sees them; `migrations.ts` makes them. Hashes and ids are raw bytes. `space` is the number that
 * `spaces` gave to a space id, so that 32 bytes do not stand in every row and index. `content` is `encodeContent`, but for some of the history.
 */
export interface StoreSchema {
  readonly migrations: { readonly number: number; readonly name: string };
  readonly spaces: { readonly number: Generated<number>; readonly id: Uint8Array };
  readonly log_records: RecordRow;
  readonly fallen_records: RecordRow & { readonly sequence: number };
  readonly items: ItemRow;
  readonly history: HistoryRow;
  readonly siblings: SiblingRow;
  readonly drafts: { readonly space: number; readonly id: Uint8Array; readonly sequence: number; readonly bytes: Uint8Array };
  readonly views: ViewRow;
  readonly documents: { readonly collection: string; readonly id: string; readonly value: string };
  readonly feeds: { readonly number: Generated<number>; readonly name: string; readonly epoch: string; readonly head: number };
  readonly feed_entries: FeedEntryRow;
  readonly feed_bodies: { readonly feed: number; readonly number: number; readonly body: string; readonly said: string | null };
}

export interface RecordRow {
  readonly space: number;
  readonly position: number;
  readonly hash: Uint8Array;
  readonly id: Uint8Array;
  readonly signer: Uint8Array;
  readonly term: number;
  /** 1: commit, 2: control. */
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface ItemRow {
  readonly space: number;
  readonly kind: string;
  readonly name: string;
  readonly revision: Uint8Array;
  readonly position: number;
  /** Of the content; 0 where it was deleted. */
  readonly size: number;
  readonly content: Uint8Array | null;
}

export interface HistoryRow {
  readonly space: number;
  readonly position: number;
  readonly ordinal: number;
  readonly kind: string;
  readonly name: string;
  readonly revision: Uint8Array;
  readonly base: Uint8Array | null;
  /** Index into the list of types in `tables/history.ts`. */
  readonly type: number;
  /** Where in the space the row of `base` stands, if `content` is `encodeDelta` on what that one holds; else null. */
  readonly base_position: number | null;
  readonly base_ordinal: number | null;
  readonly content: Uint8Array | null;
}

export interface SiblingRow {
  readonly space: number;
  readonly kind: string;
  readonly name: string;
  readonly sibling: Uint8Array;
  readonly base: Uint8Array | null;
  readonly position: number;
  readonly content: Uint8Array | null;
}

export interface ViewRow {
  readonly space: number;
  readonly writer: string;
  readonly kind: string;
  readonly name: string;
  readonly shown: Uint8Array | null;
  /** `null`: no intention; otherwise `encodeContentOrNull`. */
  readonly intended: Uint8Array | null;
  readonly not_here: string | null;
  readonly local: string | null;
}

export interface FeedEntryRow {
  readonly feed: number;
  readonly number: number;
  readonly entity: string;
  readonly revision: string;
  readonly digest: string;
  readonly subject: string;
  readonly origin: string;
  readonly time: number;
}
