/** Constants of the hub's HTTP protocol (docs/http-api.md), held by both sides. Sizes are bytes. */
export const HUB_LIMITS = {
  /** Room for CBOR heads and ids around what is carried. */
  envelopeBytes: 1024 * 1024,
  /** Body of an append: its records (8 MiB) and the objects that travel along (4 MiB). */
  appendBytes: 13 * 1024 * 1024,
  /** Body of a batch of objects (8 MiB of them). */
  objectBatchBytes: 9 * 1024 * 1024,
  /** Objects in one answer together; one object is always given. */
  objectAnswerBytes: 8 * 1024 * 1024,
  /** The longest answer to any question except a checkpoint: 8 MiB, one record or object more, and the envelope. */
  answerBytes: 16 * 1024 * 1024,
  checkpointBytes: 64 * 1024 * 1024,
  letterBytes: 64 * 1024,
  /** Any JSON body or answer. */
  jsonBytes: 64 * 1024,
  /** The append that comes along with a head on a live stream: some hundred rows of a database, with their bodies. */
  liveSegmentBytes: 192 * 1024,
  /** So much our own readers ask for: in base64 it is a third more, which beyond this is more than a request is worth. */
  liveSegmentAsked: 128 * 1024,
  /** The same for a reader that does not say how much it takes. */
  liveSegmentUnsaid: 64 * 1024,
  /** One line of the live stream: such an append in base64, and room around it. */
  liveLineBytes: 272 * 1024,
  /** Ids in one `has`. */
  idsPerHas: 10_000,
  /** Ids in one `delete`. */
  idsPerDelete: 10_000,
  /** Ids that one append names as gone. */
  goneObjects: 100_000,
  /** Ids in one `get`. */
  idsPerGet: 1_000,
  /** Ids in one answer to `wanted`. */
  idsPerWanted: 1_000,
  /** Objects in one batch. */
  objectsPerBatch: 10_000,
  /** Spaces in one live stream. */
  spacesPerLive: 500,
  recordsPerPage: 1_000,
} as const;

/** Milliseconds between two lines of a live stream at most: an empty line where no head moved. */
export const LIVE_HEARTBEAT = 15_000;
