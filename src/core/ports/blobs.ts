/**
 * A bucket: named blobs in an object store (S3, Azure Blob, memory). What the bucket remote and the chunk packs in object
 * storage stand on. It promises little, since stores differ: one primitive decides races, {@link Blobs.create}; listings
 * may lag and are never relied on; nothing is deleted under a condition.
 *
 * Names are 1 to 900 of `A-Z a-z 0-9 . _ / -`, below the prefix that the address gave; they neither begin nor end with
 * `/`, hold no empty part, and none that ends with a dot (Azure drops those). Blobs are 64 MiB at most. What breaks this
 * is the caller's bug: RangeError. Methods throw RemoteError (`remote.ts`): `unreachable` after the driver's own retries
 * (with jitter), `unauthorized`, `refused` (quota, policy), `unfit`, `protocol`.
 * A driver joins by passing `tests/contracts/blobs.ts`.
 */
export interface Blobs {
  /** As shown to people and kept in configuration: never holds credentials. */
  readonly address: string;

  /**
   * Makes a blob where none of that name is: of racing callers one gets `created`, and what it wrote is what all read
   * from then on, durable. After an answer that leaves open what happened (5xx, a broken connection) the driver reads the
   * blob and says `created` where it holds these very bytes: a caller whose bytes others may write too adds a nonce.
   */
  create(name: string, bytes: Uint8Array): Promise<'created' | 'exists'>;

  /** Writes or overwrites, durable when it resolves. Of racing writers the last wins. Idempotent. */
  write(name: string, bytes: Uint8Array): Promise<void>;

  /** The blob, or part of it: `length` bytes from `offset`, fewer at its end. `null` where there is none. Idempotent. */
  read(name: string, part?: { readonly offset: number; readonly length: number }): Promise<Uint8Array | null>;

  /** Size in bytes; `null` where there is none. Idempotent. */
  size(name: string): Promise<number | null>;

  /**
   * Names that begin with `prefix` (which may be empty, or end with `/`), ascending by bytes, behind `after` (exclusive),
   * 1 to 1,000. May lack what was made, and hold what was removed, a while ago. Fewer than `limit` is normal, even none:
   * the end is where `isLast`. O(names of the page) where `after` is the last name of a page just before, else O(names).
   */
  list(prefix: string, query: { readonly after?: string; readonly limit: number }): Promise<BlobPage>;

  /** Removes blobs; those that are not there are left. 1,000 names at most. Idempotent. */
  remove(names: readonly string[]): Promise<void>;

  /** Cuts off what is under way: it fails as `unreachable`, with an unknown outcome. */
  close(): Promise<void>;
}

export interface BlobPage {
  readonly blobs: readonly { readonly name: string; readonly size: number }[];
  readonly isLast: boolean;
}
