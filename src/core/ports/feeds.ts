/** What a feed serves under one number, for ever. */
export interface FeedEntry {
  /** From 1, without a gap. */
  readonly number: number;
  /** What it is about, in the consumer's words. */
  readonly entity: string;
  /** Of the entity: an unsigned 64-bit number in decimal digits. */
  readonly revision: string;
  /** Of the body as its writer knows it, which may be another than the one that is served. */
  readonly digest: string;
  /** What the entity is by its content, so that two of the same are found; '' for none. */
  readonly subject: string;
  /** Who wrote it, in the consumer's words. */
  readonly origin: string;
  /** Milliseconds since 1970 when it got its number. */
  readonly time: number;
  /** The bytes served. */
  readonly body: string;
  /** What its writer said, where something else is served in its place. */
  readonly said?: string;
}

export type FeedAddition = Omit<FeedEntry, 'number'>;

/** Where an entity's revision stands in a feed. */
export type FeedMark = Pick<FeedEntry, 'number' | 'entity' | 'revision' | 'digest' | 'subject' | 'origin'>;

export interface FeedHead {
  /** Positive decimal number. Another one says that numbers begin anew. */
  readonly epoch: string;
  /** The last number given; 0 for none. */
  readonly number: number;
}

/**
 * Durable numberings per node and consumer (a gateway's user): what became visible to it, in which order, with the
 * bytes served. Numbers and bytes stay for ever, within an epoch.
 */
export interface FeedTable {
  /** `null` where it was never begun. */
  head(feed: string): Promise<FeedHead | null>;
  /** Begins a feed in this epoch, where it was not yet. */
  begin(feed: string, epoch: string): Promise<FeedHead>;
  /** Gives the next numbers, in this order, and returns the last. O(additions), however long the feed is. */
  append(feed: string, additions: readonly FeedAddition[]): Promise<number>;
  /** Ascending behind `after`; stops after `entries`, or before `bytes` of bodies would be passed, but gives one at least. */
  read(feed: string, after: number, limit: { readonly entries: number; readonly bytes: number }): Promise<FeedEntry[]>;
  /** What the entries behind `after` are about, ascending, without their bodies. O(what is found). */
  marks(feed: string, after: number, limit: number): Promise<FeedMark[]>;
  /** Puts other bodies under numbers that were given, which are about nothing any more, or what `subject` says: what was there, and said, is gone for good. */
  erase(feed: string, bodies: readonly { readonly number: number; readonly body: string; readonly subject?: string }[]): Promise<void>;
  /** The names of all feeds. */
  list(): Promise<string[]>;
  /** Begins a new epoch in every feed, later than the one before and than `least`: this store may be behind what it served. */
  renewEpochs(least: number): Promise<void>;
  /** Removes a feed with all that it served. */
  remove(feed: string): Promise<void>;
}
