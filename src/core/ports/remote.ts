import type { SealedObject } from '../crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../ids.ts';
import type { Head, LogRecord } from '../log/record.ts';
import type { ObjectStore } from './objects.ts';

/**
 * Any place where logs can be kept by compare-and-swap on their head: a hub, a folder, a bucket, a git repository.
 * It compares position and hash and learns little else. Whatever it answers is foreign: callers verify it.
 *
 * Every method may throw {@link RemoteError}; those marked idempotent may be repeated after one without harm.
 * A driver joins by passing `tests/contracts/remote.ts`.
 */
export interface Remote {
  /** As shown to people and kept in configuration: never holds credentials. */
  readonly address: string;

  /** Where it keeps objects, of a remote in this process: a node with the same store brings it none. */
  readonly objects?: ObjectStore;

  /**
   * Spaces that the caller may read there, in no order: for a machine that comes with the recovery key alone, and for
   * people who look what a remote holds. A remote that knows no callers lists all. O(spaces there). Idempotent.
   */
  spaces(): Promise<readonly SpaceId[]>;

  /** `null` where the remote has no log of that space. Idempotent. */
  head(space: SpaceId): Promise<Head | null>;

  /**
   * Encoded records, ascending from position `from`, with the head at the time. Fewer than exist is normal (page on);
   * none means that `from` is past the head. Idempotent. Where `limit.heard` is the head that `watch` told of last, it may
   * answer with what came along with that, as of then.
   */
  read(space: SpaceId, from: number, limit: ReadLimit): Promise<ReadAnswer>;

  /**
   * For a caller that the space does not list any more, and that is shown nothing of it: the encoded record that removed
   * it, or `null`. Only of remotes that know their callers. Idempotent.
   */
  removal?(space: SpaceId): Promise<Uint8Array | null>;

  /**
   * Appends all of the segment's records behind `expected`, or none. Objects given along, and those that the records
   * name, are durable before the first record is visible: where one is missing the append is refused as
   * `missing-objects`. Compare-and-swap: of two racing appends behind one head one wins. After an error the outcome
   * is unknown: the caller reads on from `expected` and looks for its commits.
   * `expected` = EMPTY_HEAD creates the log; the first record then must be a genesis.
   */
  append(space: SpaceId, expected: Head, segment: Segment): Promise<AppendOutcome>;

  /** Those of `ids` that are durable there. Idempotent. */
  hasObjects(space: SpaceId, ids: readonly ObjectId[]): Promise<Set<ObjectId>>;
  /** Durable when it resolves. Idempotent. Callers keep batches under 8 MiB, of objects as many and as small as they are. */
  putObjects(space: SpaceId, objects: readonly SealedObject[]): Promise<void>;
  /** Absent ones are absent from the map. Bytes are not checked. Callers ask for 1,000 ids at most. Idempotent. */
  getObjects(space: SpaceId, ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>>;
  /**
   * Objects that the log names, somebody asked for, and the remote lost or has damaged: some of them, ascending, behind `after`.
   * Whoever has them puts them again, which takes the place of what is damaged. Only of remotes that notice. Idempotent.
   */
  wantedObjects?(space: SpaceId, after: ObjectId | null): Promise<readonly ObjectId[]>;

  /**
   * Deletes objects that a prune or an erase record of the log names, at most 10,000 a call; an object that a record
   * behind that one names again stays, and no append that found it here loses it. What no such record names may be
   * refused. Space is given back at once or later. Idempotent.
   */
  deleteObjects(space: SpaceId, ids: readonly ObjectId[]): Promise<void>;

  /** The newest checkpoint, or `null`. Idempotent. */
  readCheckpoint(space: SpaceId): Promise<Uint8Array | null>;
  /** Replaces the checkpoint, unless one of a later position is there. Idempotent. */
  writeCheckpoint(space: SpaceId, position: number, bytes: Uint8Array): Promise<void>;

  readonly mailboxes: Mailboxes;

  /**
   * Calls `onHead` when the head of one of the spaces may have moved (at once for a first look, and too often rather
   * than too rarely), until `signal` aborts. Rejects with a RemoteError when the connection breaks.
   */
  watch(spaces: readonly SpaceId[], onHead: OnHead, signal: AbortSignal): Promise<void>;

  close(): Promise<void>;
}

/** `arrived`: what moved the head there, where the remote has it at hand. */
export type OnHead = (space: SpaceId, head: Head | null, arrived?: Arrived) => void;

/** What was appended behind `expected`, with the objects that were given along. */
export interface Arrived extends Pick<Segment, 'records' | 'objects'> {
  readonly expected: Head;
}

export interface ReadLimit {
  readonly records: number;
  readonly bytes: number;
  /** The head that a caller of `watch` was told of, and that an answer need not be newer than. */
  readonly heard?: Head;
}

export interface ReadAnswer {
  readonly records: readonly Uint8Array[];
  readonly head: Head | null;
}

export interface Segment {
  /** 1 to 1,000, under 8 MiB together as encoded. */
  readonly records: readonly LogRecord[];
  /** Objects small enough to travel along, under 4 MiB together. */
  readonly objects: readonly SealedObject[];
  /**
   * Objects that these records name and a later record of the same history prunes or erases: they are not asked for.
   * For copies of a log to another remote.
   */
  readonly gone?: readonly ObjectId[];
}

export type AppendOutcome =
  | { readonly type: 'appended'; readonly head: Head }
  /** Someone was faster. `missing` are records after `expected` (the first page of them), so that a retry is one round trip. */
  | { readonly type: 'moved'; readonly head: Head | null; readonly missing: readonly Uint8Array[] }
  | { readonly type: 'missing-objects'; readonly ids: readonly ObjectId[] };

/**
 * Write-once letterboxes for joining. Whoever knows a mailbox's id (32 random-looking bytes as hex, derived from the
 * invitation's secret) may use it; letters expire. A slot is 1 to 64 of `a-z 0-9 _ -`, beginning with a letter or
 * digit; a mailbox has 64 at most.
 */
export interface Mailboxes {
  /** False where that slot holds a letter already. Letters are at most 64 KiB, kept until `expires` (ms since 1970, 30 days ahead at most). */
  post(mailbox: string, slot: string, letter: Uint8Array, expires: number): Promise<boolean>;
  read(mailbox: string, slot: string): Promise<Uint8Array | null>;
  /** Slots that hold a letter, in no order. */
  slots(mailbox: string): Promise<string[]>;
  remove(mailbox: string): Promise<void>;
}

export type RemoteErrorType =
  /** No answer, or none that speaks the protocol: try again later. */
  | 'unreachable'
  /** The remote does not know the caller, or no longer. */
  | 'unauthorized'
  /** The remote will not take this (quota, size, policy): repeating does not help. */
  | 'refused'
  /** The answer breaks the protocol. */
  | 'protocol'
  /** The place lacks what a remote needs (no compare-and-swap, a cloud client underneath). */
  | 'unfit';

export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly type: RemoteErrorType;
  /** Milliseconds after which to try again, where the remote said so. */
  readonly retryAfter: number | undefined;
  constructor(type: RemoteErrorType, message: string, options: { cause?: unknown; retryAfter?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = type;
    this.retryAfter = options.retryAfter;
  }
}

/**
 * The place answers, and is not the one that was kept there: emptied, made anew, or another one. It may be the right one again (a stick
 * that was changed), so that it counts as unreachable; whoever means it has to say so.
 */
export class PlaceLost extends RemoteError {
  constructor(message: string) {
    super('unreachable', message);
  }
}

/**
 * The place answers, and what stands there is not what was written: damaged, gone in part, or somebody else's. It does not mend itself by trying
 * again; where it is put back as it was, all goes on. The message says what is wrong, without a way out: whoever shows it knows the space.
 */
export class PlaceDamaged extends RemoteError {
  constructor(message: string) {
    super('protocol', message);
  }
}

/** The remote answers, and has no room for what is sent: what is there can be read. It counts as unreachable, since that ends by itself when there is room. */
export class RemoteFull extends RemoteError {
  constructor(message: string, retryAfter?: number) {
    super('unreachable', message, retryAfter === undefined ? {} : { retryAfter });
  }
}
