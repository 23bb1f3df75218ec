import { encodeCanonical } from '../core/canonical.ts';
import type { Content, Piece } from '../core/content.ts';
import { sha256Hex } from '../core/crypto/hash.ts';
import { bytesToHex, hexToBytes } from '../core/ids.ts';
import { ContentDamaged, contentOfFields, decodeOwn, fieldsOf } from './content-codec.ts';

/** Fewer pieces in common save less than what looking for the base costs. */
export const LEAST_COMMON = 4;
const CHECK = 16;

/** The first 16 bytes of the SHA-256 of what a content is stored as, in hex. */
export type Check = string;

/** What a delta is made on: a content, and {@link checkOf} the bytes that it is stored as. */
export interface DeltaBase {
  readonly check: Check;
  /** How many deltas are read for it; 0: it is whole. */
  readonly depth: number;
  readonly content: Content;
}

export interface StoredContent extends DeltaBase {
  readonly bytes: Uint8Array;
}

/**
 * A content as what it adds to another one: canonical `[digest, size, attributes, objects, numbers, depth, common, check]`. Its pieces
 * are the first `common` ones of the base and then those in `objects` and `numbers`, which are as in `encodeContent`; `depth` is one
 * more than the base's; `check` is the base's, so that these bytes say the whole content. `null`: it is better written whole, since less
 * than half of its pieces are the base's, or too few. O(pieces).
 */
export function encodeDelta(content: Content, base: DeltaBase): StoredContent | null {
  const common = commonPieces(content.pieces, base.content.pieces);
  if (common < LEAST_COMMON || common * 2 < content.pieces.length) return null;
  const added = fieldsOf({ ...content, pieces: content.pieces.slice(common) });
  const depth = base.depth + 1;
  const bytes = encodeCanonical([...added, depth, common, hexToBytes(base.check)]);
  const delta = { bytes, check: checkOf(bytes), depth, content };
  remember(delta);
  return delta;
}

/** The inverse, for bytes that this store wrote. Throws where they were damaged since, or where it is another base. O(pieces). */
export function decodeDelta(bytes: Uint8Array, base: Omit<DeltaBase, 'depth'>): Content {
  const { added, common, check } = readDelta(bytes);
  if (bytesToHex(check) !== base.check || common > base.content.pieces.length) throw new ContentDamaged();
  return { ...added, pieces: [...base.content.pieces.slice(0, common), ...added.pieces] };
}

/** How many deltas are read for it, itself included. */
export function depthOfDelta(bytes: Uint8Array): number {
  return readDelta(bytes).depth;
}

interface Delta {
  /** The content with the pieces alone that it adds. */
  readonly added: Content;
  readonly depth: number;
  readonly common: number;
  readonly check: Uint8Array;
}

function readDelta(bytes: Uint8Array): Delta {
  const value = decodeOwn(bytes);
  if (!Array.isArray(value) || value.length !== 8) throw new ContentDamaged();
  const added = contentOfFields(value.slice(0, 5));
  const [depth, common, check] = value.slice(5) as unknown[];
  if (added === null || !isCount(depth) || !isCount(common) || !(check instanceof Uint8Array)) throw new ContentDamaged();
  return { added, depth, common, check };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Pieces that two lists begin with. Of a body that grows they are the same objects, mostly. */
function commonPieces(one: readonly Piece[], other: readonly Piece[]): number {
  const most = Math.min(one.length, other.length);
  let common = 0;
  while (common < most && isSamePiece(one[common] as Piece, other[common] as Piece)) common += 1;
  return common;
}

function isSamePiece(one: Piece, other: Piece): boolean {
  if (one === other) return true;
  return one.object === other.object && one.keyId === other.keyId && one.offset === other.offset && one.length === other.length;
}

export function checkOf(bytes: Uint8Array): Check {
  return sha256Hex(bytes).slice(0, CHECK * 2);
}

/**
 * The last deltas that were written, by their checks, which say all of a content whatever became of the transaction that
 * wrote it: what a body grows from is what it grew to just now. Nobody changes a content.
 */
const recent = new Map<Check, DeltaBase>();
const RECENT = 16;
/** Of more pieces a content takes too much memory. */
const MOST_REMEMBERED = 4_096;

function remember(delta: DeltaBase): void {
  if (delta.content.pieces.length > MOST_REMEMBERED) return;
  recent.delete(delta.check);
  recent.set(delta.check, delta);
  const oldest = recent.keys().next();
  if (recent.size > RECENT && !oldest.done) recent.delete(oldest.value);
}

/** What a delta tells, where it is one of the last that were written: without its base. */
export function recentDelta(check: Check): DeltaBase | undefined {
  return recent.get(check);
}
