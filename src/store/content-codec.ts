import { StoreDamaged } from '../core/ports/store.ts';
import { decodeCanonical, encodeCanonical, type Canonical } from '../core/canonical.ts';
import type { Attributes, Content } from '../core/content.ts';
import { bytesToHex, hexToBytes, type ContentDigest, type ObjectId } from '../core/ids.ts';

const OBJECT = 32;
const NUMBERS = 3;

/**
 * A content as one canonical CBOR value: `[digest, size, attributes, objects, numbers]`, where `objects` is the 32-byte
 * ids of the pieces in a row and `numbers` holds key id, offset and length of each. About 40 bytes a piece.
 */
export function encodeContent(content: Content): Uint8Array {
  const known = encoded.get(content);
  if (known !== undefined) return known;
  const same = recent.find((each) => isSame(each.content, content));
  if (same !== undefined) return same.bytes;
  const bytes = encodeNow(content);
  if (bytes.length < LONG.from) encoded.set(content, bytes);
  keepRecent(bytes, content);
  return bytes;
}

/** Whether they are equal by what they are made of: of a body that grows, view and state hold the same pieces in lists of their own. */
function isSame(one: Content, other: Content): boolean {
  if (one === other) return true;
  if (one.digest !== other.digest || one.size !== other.size || one.attributes !== other.attributes) return false;
  return one.pieces.length === other.pieces.length && one.pieces.every((piece, index) => piece === other.pieces[index]);
}

/** What is captured or replayed is written to several tables. Nobody changes a content. */
const encoded = new WeakMap<Content, Uint8Array>();

function encodeNow(content: Content): Uint8Array {
  return encodeCanonical(fieldsOf(content));
}

/** What is stored of a content, in the order of {@link encodeContent}. */
export function fieldsOf({ digest, size, attributes, pieces }: Content): StoredFields {
  // All ids at once: with each for itself, or an iterator, a body of many pieces takes several times as long.
  let ids = '';
  const numbers: number[] = [];
  for (const { object, keyId, offset, length } of pieces) {
    ids += object;
    numbers.push(keyId, offset, length);
  }
  return [hexToBytes(digest), size, attributes, Buffer.from(ids, 'hex'), numbers];
}

/** The inverse of {@link fieldsOf}. `null`: these are none. */
export function contentOfFields(fields: unknown): Content | null {
  if (!areFields(fields)) return null;
  const [digest, size, attributes, objects, numbers] = fields;
  const hex = bytesToHex(objects);
  const pieces = [];
  for (let index = 0; index * NUMBERS < numbers.length; index++) {
    pieces.push({
      object: hex.slice(index * OBJECT * 2, (index + 1) * OBJECT * 2) as ObjectId,
      keyId: numbers[index * NUMBERS] ?? 0,
      offset: numbers[index * NUMBERS + 1] ?? 0,
      length: numbers[index * NUMBERS + 2] ?? 0,
    });
  }
  return { digest: bytesToHex(digest) as ContentDigest, size, attributes, pieces };
}

/** The inverse, for bytes that this store wrote. Throws where they were damaged since. */
export function decodeContent(bytes: Uint8Array): Content {
  const known = isLong(bytes) ? recent.find((each) => Buffer.compare(each.bytes, bytes) === 0)?.content : undefined;
  const content = known ?? decodeContentOrNull(bytes);
  if (content === null) throw new ContentDamaged();
  keepRecent(bytes, content);
  // What is read of one table is often written to another one.
  if (bytes.length < LONG.from) encoded.set(content, bytes);
  return content;
}

/**
 * Long contents that were just written or read: with each append to a large body it is read half a dozen times and written
 * twice, in several tables. Nobody changes a content.
 */
let recent: readonly { readonly bytes: Uint8Array; readonly content: Content }[] = [];
const RECENT = 4;
/** Of so many bytes, some hundred pieces, it is worth it; of more it takes too much memory. */
const LONG = { from: 4 * 1024, to: 128 * 1024 };

function isLong({ length }: Uint8Array): boolean {
  return length >= LONG.from && length <= LONG.to;
}

function keepRecent(bytes: Uint8Array, content: Content): void {
  if (!isLong(bytes) || recent[0]?.content === content) return;
  recent = [{ bytes, content }, ...recent.filter((each) => each.content !== content)].slice(0, RECENT);
}

/** The same, decoded when something of it is first asked for: that of most views never is. Damage throws then. */
export function decodeContentLate(bytes: Uint8Array): Content {
  let content: Content | null = null;
  const decoded = (): Content => (content ??= decodeContent(bytes));
  return {
    get digest() {
      return content === null && startsWithDigest(bytes) ? (bytesToHex(bytes.subarray(3, 35)) as ContentDigest) : decoded().digest;
    },
    get size() {
      return decoded().size;
    },
    get attributes() {
      return decoded().attributes;
    },
    get pieces() {
      return decoded().pieces;
    },
  };
}

/** CBOR of an array of five whose first is 32 bytes. */
function startsWithDigest(bytes: Uint8Array): boolean {
  return bytes[0] === 0x85 && bytes[1] === 0x58 && bytes[2] === 32 && bytes.length > 35;
}

/** CBOR `null` stands for "no content" where a column's NULL says something else. */
export function encodeContentOrNull(content: Content | null): Uint8Array {
  return content === null ? encodeCanonical(null) : encodeContent(content);
}

export function decodeContentOrNull(bytes: Uint8Array): Content | null {
  const value = decodeOwn(bytes);
  if (value === null) return null;
  const content = contentOfFields(value);
  if (content === null) throw new ContentDamaged();
  return content;
}

/** Canonical bytes that this store wrote, as a value. */
export function decodeOwn(bytes: Uint8Array): Canonical {
  const decoded = decodeCanonical(bytes, bytes.length);
  if (!decoded.ok) throw new ContentDamaged(decoded.error);
  return decoded.value;
}

/** Bytes that this store wrote are no longer what it wrote. */
export class ContentDamaged extends StoreDamaged {
  override readonly name = 'ContentDamaged';
  constructor(cause?: unknown) {
    super('a content in the store is damaged; run: satchel store verify', { cause });
  }
}

export type StoredFields = readonly [Uint8Array, number, Attributes, Uint8Array, readonly number[]];

function areFields(value: unknown): value is StoredFields {
  if (!Array.isArray(value) || value.length !== 5) return false;
  const [digest, size, attributes, objects, numbers] = value as unknown[];
  return (
    digest instanceof Uint8Array &&
    digest.length === 32 &&
    Number.isSafeInteger(size) &&
    typeof attributes === 'object' &&
    attributes !== null &&
    objects instanceof Uint8Array &&
    Array.isArray(numbers) &&
    numbers.every((number) => Number.isSafeInteger(number)) &&
    objects.length * NUMBERS === numbers.length * OBJECT
  );
}
