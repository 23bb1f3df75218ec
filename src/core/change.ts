import type { Content, Piece } from './content.ts';
import { sha256Hex, lengthPrefix, type Bytes } from './crypto/hash.ts';
import { hexToBytes, type ContentDigest, type Revision } from './ids.ts';
import type { Item } from './item.ts';

/** Another item must exist (`revision: null`), or be at a revision. */
export interface Need {
  readonly item: Item;
  readonly revision: Revision | null;
}

interface ChangeOf<T extends string> {
  readonly type: T;
  readonly item: Item;
  /** The current revision that this change is made from; `null` where the item does not exist. */
  readonly base: Revision | null;
  readonly needs: readonly Need[];
}

/** The item now holds `content`. `history` lists bodies that a rebase collapsed, oldest first. */
export interface PutChange extends ChangeOf<'put'> {
  readonly content: Content;
  readonly history: readonly Content[];
}

/**
 * The item's body grew at its end. `content` is the whole result; on the wire only `baseDigest`, `baseSize` and
 * `tail` travel, and the base's pieces come before them.
 */
export interface AppendChange extends ChangeOf<'append'> {
  readonly baseDigest: ContentDigest;
  readonly baseSize: number;
  readonly tail: readonly Piece[];
  readonly content: Content;
}

export interface DeleteChange extends ChangeOf<'delete'> {}

/** Stores a sibling, an open conflict; the current revision stays. `content: null` keeps the wish to delete. */
export interface KeepChange extends ChangeOf<'keep'> {
  readonly content: Content | null;
  readonly history: readonly Content[];
}

/** Settles siblings; the current revision stays (a put before it in the same commit may set it). */
export interface ResolveChange extends ChangeOf<'resolve'> {
  readonly siblings: readonly Revision[];
}

export type Change = PutChange | AppendChange | DeleteChange | KeepChange | ResolveChange;

/** Every body that a change brings, those that were collapsed into it included. */
export function contentsOf(change: Change): readonly Content[] {
  switch (change.type) {
    case 'put':
      return [change.content, ...change.history];
    case 'keep':
      return change.content === null ? change.history : [change.content, ...change.history];
    case 'append':
      return [change.content];
    case 'delete':
    case 'resolve':
      return [];
  }
}

const REVISION = Buffer.from('satchel/v1/revision\0');
const NO_BASE = Buffer.of(0);
const SOME_BASE = Buffer.of(1);
const DELETED = new Uint8Array(32);

/**
 * hash(item, base, content digest). The same three give the same revision on every machine, so that an edit made
 * twice is one.
 */
export function revisionOf(item: Item, base: Revision | null, digest: ContentDigest | null): Revision {
  const kind = Buffer.from(item.kind);
  const name = Buffer.from(item.name);
  // One buffer and one call: every change is hashed, some twice.
  const bytes = Buffer.concat([
    REVISION,
    lengthPrefix(kind.length),
    kind,
    lengthPrefix(name.length),
    name,
    base === null ? NO_BASE : SOME_BASE,
    base === null ? NO_BASE.subarray(1) : hexToBytes(base),
    digest === null ? DELETED : bytesOf(digest),
  ]);
  return sha256Hex(bytes) as Revision;
}

/** A sibling's id: its own domain, so that it never equals a revision of the item. */
export function siblingOf(item: Item, base: Revision | null, digest: ContentDigest | null): Revision {
  return sha256Hex('satchel/v1/sibling\0', hexToBytes(revisionOf(item, base, digest))) as Revision;
}

function bytesOf(digest: ContentDigest): Bytes {
  return hexToBytes(digest);
}
