import { decodeCanonical, encodeCanonical, type Canonical } from '../canonical.ts';
import { revisionOf, type Change, type Need } from '../change.ts';
import { attributesBytes, type Attributes, type Content, type Piece } from '../content.ts';
import { bytesToHex, hexToBytes, type CommitId, type ContentDigest, type ObjectId, type Revision } from '../ids.ts';
import { itemKey, parseItem, type Item } from '../item.ts';
import { LIMITS } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Commit } from './commit.ts';

/**
 * Commit ⇄ the plaintext of a commit's body (docs/formats.md § Commit bodies): canonical CBOR, positional.
 * Objects that the record's header names are referred to by their place in it; others (older ones) by id and key.
 */
const VERSION = 1;
const PUT = 0;
const APPEND = 1;
const DELETE = 2;
const KEEP = 3;
const RESOLVE = 4;

export interface HeaderObjects {
  readonly objects: readonly ObjectId[];
  readonly keyId: number;
}

/**
 * For an append the reader needs the base's pieces; it has them as the item's current content.
 * Returned pieces of an append are the tail only, in `content.pieces`, until {@link withBase} completes them.
 */
export function encodeCommit(commit: Commit, header: HeaderObjects): Uint8Array {
  const place = new Map(header.objects.map((id, index) => [id, index]));
  const piece = (p: Piece): Canonical => {
    const index = p.keyId === header.keyId ? place.get(p.object) : undefined;
    return index === undefined ? [hexToBytes(p.object), p.keyId, p.offset, p.length] : [index, p.offset, p.length];
  };
  const content = (c: Content): Canonical => [hexToBytes(c.digest), c.size, c.attributes, c.pieces.map(piece)];
  return encodeCanonical([
    VERSION,
    commit.time,
    commit.message,
    commit.writer,
    commit.session ?? null,
    commit.changes.map((change) => encodeChange(change, content, piece)),
    commit.carried,
  ]);
}

function encodeChange(change: Change, content: (c: Content) => Canonical, piece: (p: Piece) => Canonical): Canonical {
  const { kind, name } = change.item;
  const base = hexOrNull(change.base);
  const needs = change.needs.map((n) => [n.item.kind, n.item.name, hexOrNull(n.revision)]);
  switch (change.type) {
    case 'put':
      return [PUT, kind, name, base, needs, content(change.content), change.history.map(content)];
    case 'append':
      return [
        APPEND,
        kind,
        name,
        base,
        needs,
        hexToBytes(change.baseDigest),
        change.baseSize,
        hexToBytes(change.content.digest),
        change.content.attributes,
        change.tail.map(piece),
      ];
    case 'delete':
      return [DELETE, kind, name, base, needs];
    case 'keep':
      return [KEEP, kind, name, base, needs, change.content === null ? null : content(change.content), change.history.map(content)];
    case 'resolve':
      return [RESOLVE, kind, name, base, needs, change.siblings.map(hexToBytes)];
  }
}

/** Foreign bytes → commit. Never throws; the error says what was wrong. Cost: O(size). */
export function decodeCommit(bytes: Uint8Array, id: CommitId, header: HeaderObjects): Result<Commit, string> {
  const decoded = decodeCanonical(bytes, LIMITS.commitExpanded);
  if (!decoded.ok) return fail(`commit: ${decoded.error}`);
  try {
    return ok(parseCommit(decoded.value, id, header));
  } catch (error) {
    if (error instanceof Malformed) return fail(`commit: ${error.message}`);
    throw error;
  }
}

/** Ends the parse of a foreign commit; never leaves this file. */
class Malformed extends Error {}

function parseCommit(value: Canonical, id: CommitId, header: HeaderObjects): Commit {
  const f = list(value, 7);
  if (f.length !== 7 || f[0] !== VERSION) throw new Malformed('unknown version');
  const parser = new ChangeParser(header);
  const session = f[4] === null ? undefined : text(f[4], 256);
  return {
    id,
    time: natural(f[1]),
    message: text(f[2], LIMITS.messageBytes),
    writer: text(f[3], 128),
    ...(session === undefined ? {} : { session }),
    changes: list(f[5], LIMITS.changesPerCommit).map((change) => parser.change(change)),
    carried: list(f[6], LIMITS.changesPerCommit).map((record) => bytes(record)),
  };
}

class ChangeParser {
  readonly #header: HeaderObjects;

  constructor(header: HeaderObjects) {
    this.#header = header;
  }

  change(value: Canonical): Change {
    const f = list(value, 10);
    const item = itemOf(f[1], f[2]);
    const base = f[3] === null ? null : (hex(f[3]) as Revision);
    const needs = list(f[4], LIMITS.needsPerChange).map(needOf);
    const common = { item, base, needs };
    switch (f[0]) {
      case PUT:
        expectFields(f, 7);
        return { type: 'put', ...common, content: this.content(f[5]), history: this.contents(f[6]) };
      case APPEND:
        expectFields(f, 10);
        return this.append(common, f);
      case DELETE:
        expectFields(f, 5);
        return { type: 'delete', ...common };
      case KEEP:
        expectFields(f, 7);
        return { type: 'keep', ...common, content: f[5] === null ? null : this.content(f[5]), history: this.contents(f[6]) };
      case RESOLVE:
        expectFields(f, 6);
        return { type: 'resolve', ...common, siblings: list(f[5], LIMITS.changesPerCommit).map((s) => hex(s) as Revision) };
      default:
        throw new Malformed('unknown change');
    }
  }

  append(common: { item: Item; base: Revision | null; needs: readonly Need[] }, f: readonly Canonical[]): Change {
    const tail = list(f[9], LIMITS.piecesPerBody).map((p) => this.piece(p));
    const baseSize = natural(f[6]);
    const size = tail.reduce((sum, p) => sum + p.length, baseSize);
    const content = { digest: hex(f[7]) as ContentDigest, size, attributes: attributes(f[8]), pieces: tail };
    return { type: 'append', ...common, baseDigest: hex(f[5]) as ContentDigest, baseSize, tail, content };
  }

  contents(value: Canonical | undefined): Content[] {
    return list(value, LIMITS.historyPerPut).map((c) => this.content(c));
  }

  content(value: Canonical | undefined): Content {
    const f = list(value, 4);
    expectFields(f, 4);
    const pieces = list(f[3], LIMITS.piecesPerBody).map((p) => this.piece(p));
    const size = natural(f[1]);
    if (pieces.reduce((sum, p) => sum + p.length, 0) !== size) throw new Malformed('pieces do not add up to the size');
    if (size > LIMITS.bodyBytes) throw new Malformed('a body is larger than the format allows');
    return { digest: hex(f[0]) as ContentDigest, size, attributes: attributes(f[2]), pieces };
  }

  piece(value: Canonical): Piece {
    const f = list(value, 4);
    if (f.length === 3) {
      const object = this.#header.objects[natural(f[0])];
      if (object === undefined) throw new Malformed('a piece names an object that the header does not');
      return pieceOf(object, this.#header.keyId, f[1], f[2]);
    }
    expectFields(f, 4);
    return pieceOf(hex(f[0]) as ObjectId, natural(f[1]), f[2], f[3]);
  }
}

function pieceOf(object: ObjectId, keyId: number, offset: Canonical | undefined, length: Canonical | undefined): Piece {
  const piece = { object, keyId, offset: natural(offset), length: natural(length) };
  if (piece.length === 0 || piece.offset + piece.length > LIMITS.objectExpanded) throw new Malformed('a piece lies outside any object');
  return piece;
}

/** A content by itself, with explicit pieces: in checkpoints. */
export function encodeContent(content: Content): Canonical {
  const pieces = content.pieces.map((p): Canonical => [hexToBytes(p.object), p.keyId, p.offset, p.length]);
  return [hexToBytes(content.digest), content.size, content.attributes, pieces];
}

/** The inverse. Throws on anything else. */
export function decodeContent(value: Canonical): Content {
  return new ChangeParser({ objects: [], keyId: 0 }).content(value);
}

/** An append's whole content, once the base's pieces are known. */
export function withBase(change: Extract<Change, { type: 'append' }>, base: Content): Content {
  return { ...change.content, pieces: [...base.pieces, ...change.tail] };
}

/** The revision that a put, append or delete makes. */
export function resultingRevision(change: Extract<Change, { type: 'put' | 'append' | 'delete' }>): Revision {
  return revisionOf(change.item, change.base, change.type === 'delete' ? null : change.content.digest);
}

/** All objects that a commit's new pieces name, in order of first use. */
export function objectsNamed(changes: readonly Change[]): ObjectId[] {
  const ids = new Set<ObjectId>();
  for (const change of changes) {
    for (const piece of piecesNamed(change)) ids.add(piece.object);
  }
  return [...ids];
}

/** The pieces that travel with a change. */
export function piecesNamed(change: Change): Piece[] {
  switch (change.type) {
    case 'put':
      return [change.content, ...change.history].flatMap((c) => c.pieces);
    case 'append':
      return [...change.tail];
    case 'keep':
      return [...(change.content === null ? [] : [change.content]), ...change.history].flatMap((c) => c.pieces);
    case 'delete':
    case 'resolve':
      return [];
  }
}

function needOf(value: Canonical): Need {
  const f = list(value, 3);
  expectFields(f, 3);
  return { item: itemOf(f[0], f[1]), revision: f[2] === null ? null : (hex(f[2]) as Revision) };
}

const knownItems = new Map<string, Item>();

/** Parsing a name costs a normalisation: names repeat, so the last few thousand are kept. */
function itemOf(kind: Canonical | undefined, name: Canonical | undefined): Item {
  const key = typeof kind === 'string' && typeof name === 'string' ? itemKey({ kind, name }) : '';
  const known = knownItems.get(key);
  if (known !== undefined) return known;
  const item = parseItem(kind, name);
  if (!item.ok) throw new Malformed(item.error);
  if (knownItems.size > 4096) knownItems.clear();
  knownItems.set(key, item.value);
  return item.value;
}

function attributes(value: Canonical | undefined): Attributes {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array)
    throw new Malformed('attributes are no map');
  const map = value as Attributes;
  if (attributesBytes(map).length > LIMITS.attributesBytes) throw new Malformed('attributes are too long');
  return map;
}

function hexOrNull(value: string | null): Canonical {
  return value === null ? null : hexToBytes(value);
}

function expectFields(f: readonly Canonical[], expected: number): void {
  if (f.length !== expected) throw new Malformed(`${f.length} fields instead of ${expected}`);
}

function list(value: Canonical | undefined, most: number): Canonical[] {
  if (!Array.isArray(value)) throw new Malformed('a list is missing');
  if (value.length > most) throw new Malformed(`a list is longer than ${most}`);
  return value as Canonical[];
}

function bytes(value: Canonical | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Malformed('bytes are missing');
  return value;
}

function hex(value: Canonical | undefined): string {
  const b = bytes(value);
  if (b.length !== 32) throw new Malformed(`${b.length} bytes instead of 32`);
  return bytesToHex(b);
}

function natural(value: Canonical | undefined): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Malformed('a count is missing');
  return value as number;
}

function text(value: Canonical | undefined, most: number): string {
  if (typeof value !== 'string' || Buffer.byteLength(value) > most) throw new Malformed('a text is missing or too long');
  return value;
}
