/** What every remote holds its callers to, so that a space may move from any remote to any other. Sizes are bytes. */
export const REMOTE_LIMITS = {
  /** Records of one append, and their encoded size together. */
  segmentRecords: 1_000,
  segmentBytes: 8 * 1024 * 1024,
  /** Objects that travel along with an append, together. */
  segmentObjectBytes: 4 * 1024 * 1024,
  /** One call of `putObjects`. */
  objectBatchBytes: 8 * 1024 * 1024,
  objectsPerBatch: 65_536,
  /** Ids in one call of `getObjects`. */
  objectIdsPerGet: 1_000,
  /** Ids in one call of `deleteObjects`. */
  objectIdsPerDelete: 10_000,
  /** The most that one `read` gives, whatever was asked for. */
  readRecords: 1_000,
  readBytes: 8 * 1024 * 1024,
  /** The page of records that comes with `moved`. */
  missingRecords: 1_000,
  missingBytes: 4 * 1024 * 1024,
  checkpointBytes: 64 * 1024 * 1024,
  letterBytes: 64 * 1024,
  slotsPerMailbox: 64,
  mailboxes: 1_024,
  /** All letters of a remote together. */
  mailboxTotalBytes: 16 * 1024 * 1024,
  /** How far ahead a letter's expiry may lie, milliseconds. */
  letterLifetime: 30 * 24 * 60 * 60 * 1000,
} as const;
