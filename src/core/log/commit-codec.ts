import { encodeCanonical, type Canonical } from '../canonical.ts';
import {
  Malformed,
  parseCanonical,
  readBytes,
  readCount,
  readFields,
  readHex,
  readHexOrNull,
  readList,
  readMap,
  readText,
} from '../canonical-fields.ts';
import { revisionOf, type Change, type Need } from '../change.ts';
import { attributesBytes, type Attributes, type Content, type Piece } from '../content.ts';
import { hexToBytes, type CommitId, type ContentDigest, type ObjectId, type Revision } from '../ids.ts';
import { itemKey, parseItem, type Item } from '../item.ts';
import { LIMITS } from '../limits.ts';
import type { Result } from '../result.ts';
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
  return parseCanonical('commit', bytes, LIMITS.commitExpanded, (value) => parseCommit(value, id, header));
}

function parseCommit(value: Canonical, id: CommitId, header: HeaderObjects): Commit {
  const f = readList(value, 7);
  if (f.length !== 7 || f[0] !== VERSION) throw new Malformed('unknown version');
  const parser = new ChangeParser(header);
  const session = f[4] === null ? undefined : readText(f[4], 256);
  return {
    id,
    time: readCount(f[1]),
    message: readText(f[2], LIMITS.messageBytes),
    writer: readText(f[3], 128),
    ...(session === undefined ? {} : { session }),
    changes: readList(f[5], LIMITS.changesPerCommit).map((change) => parser.change(change)),
    carried: readList(f[6], LIMITS.changesPerCommit).map((record) => readBytes(record)),
  };
}

class ChangeParser {
  readonly #header: HeaderObjects;

  constructor(header: HeaderObjects) {
    this.#header = header;
  }

  change(value: Canonical): Change {
    const f = readList(value, 10);
    const item = readItem(f[1], f[2]);
    const base = readHexOrNull(f[3]) as Revision | null;
    const needs = readList(f[4], LIMITS.needsPerChange).map(needOf);
    const common = { item, base, needs };
    switch (f[0]) {
      case PUT:
        readFields(f, 7);
        return { type: 'put', ...common, content: this.content(f[5]), history: this.contents(f[6]) };
      case APPEND:
        readFields(f, 10);
        return this.append(common, f);
      case DELETE:
        readFields(f, 5);
        return { type: 'delete', ...common };
      case KEEP:
        readFields(f, 7);
        return { type: 'keep', ...common, content: f[5] === null ? null : this.content(f[5]), history: this.contents(f[6]) };
      case RESOLVE:
        readFields(f, 6);
        return { type: 'resolve', ...common, siblings: readList(f[5], LIMITS.changesPerCommit).map((s) => readHex(s) as Revision) };
      default:
        throw new Malformed('unknown change');
    }
  }

  append(common: { item: Item; base: Revision | null; needs: readonly Need[] }, f: readonly Canonical[]): Change {
    const tail = readList(f[9], LIMITS.piecesPerBody).map((p) => this.piece(p));
    const baseSize = readCount(f[6]);
    const size = tail.reduce((sum, p) => sum + p.length, baseSize);
    const content = { digest: readHex(f[7]) as ContentDigest, size, attributes: attributes(f[8]), pieces: tail };
    return { type: 'append', ...common, baseDigest: readHex(f[5]) as ContentDigest, baseSize, tail, content };
  }

  contents(value: Canonical | undefined): Content[] {
    return readList(value, LIMITS.historyPerPut).map((c) => this.content(c));
  }

  content(value: Canonical | undefined): Content {
    const f = readFields(value, 4);
    const pieces = readList(f[3], LIMITS.piecesPerBody).map((p) => this.piece(p));
    const size = readCount(f[1]);
    if (pieces.reduce((sum, p) => sum + p.length, 0) !== size) throw new Malformed('pieces do not add up to the size');
    if (size > LIMITS.bodyBytes) throw new Malformed('a body is larger than the format allows');
    return { digest: readHex(f[0]) as ContentDigest, size, attributes: attributes(f[2]), pieces };
  }

  piece(value: Canonical): Piece {
    const f = readList(value, 4);
    if (f.length === 3) {
      const object = this.#header.objects[readCount(f[0])];
      if (object === undefined) throw new Malformed('a piece names an object that the header does not');
      return pieceOf(object, this.#header.keyId, f[1], f[2]);
    }
    readFields(f, 4);
    return pieceOf(readHex(f[0]) as ObjectId, readCount(f[1]), f[2], f[3]);
  }
}

function pieceOf(object: ObjectId, keyId: number, offset: Canonical | undefined, length: Canonical | undefined): Piece {
  const piece = { object, keyId, offset: readCount(offset), length: readCount(length) };
  if (piece.length === 0 || piece.offset + piece.length > LIMITS.objectExpanded) throw new Malformed('a piece lies outside any object');
  return piece;
}

/** A content by itself, with explicit pieces: in checkpoints. */
export function encodeContent(content: Content): Canonical {
  const pieces = content.pieces.map((p): Canonical => [hexToBytes(p.object), p.keyId, p.offset, p.length]);
  return [hexToBytes(content.digest), content.size, content.attributes, pieces];
}

/** The inverse. Throws Malformed. */
export function decodeContent(value: Canonical): Content {
  return new ChangeParser({ objects: [], keyId: 0 }).content(value);
}

/** An append's whole content, once the base's pieces are known. */
export function withBase(change: Extract<Change, { type: 'append' }>, base: Content): Content {
  return { ...change.content, pieces: [...base.pieces, ...change.tail] };
}

/** The revision that a put, append or delete makes. Asked for again of what was just drafted, judged, or made to fit. */
export function resultingRevision(change: Extract<Change, { type: 'put' | 'append' | 'delete' }>): Revision {
  const known = revisions.get(change);
  if (known !== undefined) return known;
  const revision = revisionOf(change.item, change.base, change.type === 'delete' ? null : change.content.digest);
  revisions.set(change, revision);
  return revision;
}

/** Nobody changes a change. */
const revisions = new WeakMap<Change, Revision>();

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
  const f = readFields(value, 3);
  return { item: readItem(f[0], f[1]), revision: readHexOrNull(f[2]) as Revision | null };
}

const knownItems = new Map<string, Item>();

/** Throws Malformed. Parsing a name costs a normalisation: names repeat, so the last few thousand are kept. */
export function readItem(kind: Canonical | undefined, name: Canonical | undefined): Item {
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
  const map = readMap(value, 'attributes') as Attributes;
  if (attributesBytes(map).length > LIMITS.attributesBytes) throw new Malformed('attributes are too long');
  return map;
}

function hexOrNull(value: string | null): Canonical {
  return value === null ? null : hexToBytes(value);
}
