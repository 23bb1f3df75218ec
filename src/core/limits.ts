/**
 * Constants of the format. Every reader enforces them, so raising one is a new feature of a space (docs/formats.md).
 * Sizes are bytes.
 */
export const LIMITS = {
  /** UTF-8 length of an item's name. */
  nameBytes: 1024,
  /** Segments of a name. */
  nameSegments: 64,
  /** UTF-8 length of a kind's id. */
  kindBytes: 64,
  /** Changes in one commit. */
  changesPerCommit: 1_000,
  /** Sources start a new commit past this much new body. */
  commitBodyTarget: 4 * 1024 * 1024,
  /** Encrypted commit body (metadata), and its expanded form. */
  commitCiphertext: 4 * 1024 * 1024,
  commitExpanded: 16 * 1024 * 1024,
  /** A record as sent: header, signature and body. */
  recordBytes: 5 * 1024 * 1024,
  /** Encrypted object (chunk or bundle) as stored, and its expanded form. */
  objectCiphertext: 5 * 1024 * 1024,
  objectExpanded: 8 * 1024 * 1024,
  /** Objects that one record may name. */
  objectsPerRecord: 16_384,
  /** Bytes of one body: what a reader must be ready to hold. */
  bodyBytes: 256 * 1024 * 1024,
  /** Pieces of one body. */
  piecesPerBody: 65_536,
  /** Collapsed bodies listed as history of one put. */
  historyPerPut: 1_000,
  /** Needs of one change. */
  needsPerChange: 64,
  /** Attributes of one item, encoded. */
  attributesBytes: 4 * 1024,
  /** A term may grow by so much at once: a lost answer skips some, and nobody can use them up. */
  termStep: 1_000,
  /** A control record's payload. */
  controlPayload: 1024 * 1024,
  /** Commit message, UTF-8. */
  messageBytes: 1024,
  /** Members that a space may list at one time. */
  members: 1_000,
  /** Bodies below this size travel in a bundle. */
  bundledBody: 16 * 1024,
  /** A plaintext chunk. */
  chunkMin: 32 * 1024,
  chunkTarget: 128 * 1024,
  chunkMax: 512 * 1024,
  /** An append-only body is consolidated past so many tail pieces or so much tail. */
  tailPieces: 64,
  tailBytes: 1024 * 1024,
  /** Nesting that a JSON merger follows; deeper documents are opaque. */
  jsonDepth: 64,
} as const;
