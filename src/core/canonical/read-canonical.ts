import type { Canonical } from './value.ts';
import { readFloat } from './floats.ts';
import { DEEPEST, FALSE, FLOATS, MAJOR, NULL, TRUE } from './forms.ts';

/** Shorter byte strings are copied: a hash that is kept is not to keep the megabytes that it came with. */
const COPIED_BELOW = 4 * 1024;
/** So many, a hash, V8 holds in its own heap where they are copied one by one; a view of others' memory takes longer to make. */
const SHORT_BYTES = 32;
/** Shorter texts are read byte by byte, which takes less than a call. */
const SHORT_TEXT = 24;
/** What stands in a decoded text for bytes that are no UTF-8, or for itself. */
const REPLACEMENT = '\ufffd';

/** How far reading is. */
interface Reader {
  readonly bytes: Uint8Array;
  /** The same, for what Buffer alone can do. */
  readonly text: Buffer;
  at: number;
  /** In how many lists and maps that is. */
  depth: number;
}

/** The value of these bytes, all of them. Throws where they are not the canonical ones of any value. */
export function readCanonical(bytes: Uint8Array): Canonical {
  const reader = { bytes, text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at: 0, depth: 0 };
  const value = readValue(reader);
  if (reader.at !== bytes.length) throw new Error('more bytes than one value');
  return value;
}

function readValue(reader: Reader): Canonical {
  const first = reader.bytes[reader.at];
  if (first === undefined) throw new Error('it ends too early');
  switch (first >> 5) {
    case MAJOR.unsigned:
      return readCount(reader);
    case MAJOR.negative:
      return negative(readCount(reader));
    case MAJOR.bytes:
      return readBytes(reader, readCount(reader));
    case MAJOR.text:
      return readText(reader, readCount(reader));
    case MAJOR.list:
      return nested(reader, readList);
    case MAJOR.map:
      return nested(reader, readMap);
    case MAJOR.simple:
      return readSimple(reader, first);
    default:
      throw new Error('a tag');
  }
}

/** What is too deep is so on every machine, however much its stack holds. */
function nested(reader: Reader, read: (reader: Reader, count: number) => Canonical): Canonical {
  if (reader.depth === DEEPEST) throw new Error(`lists and maps within one another more than ${DEEPEST} deep`);
  reader.depth += 1;
  const value = read(reader, readCount(reader));
  reader.depth -= 1;
  return value;
}

/** The number in the first byte or behind it, in the shortest form that holds it. */
function readCount(reader: Reader): number {
  const { bytes, text, at } = reader;
  const short = (bytes[at] as number) & 31;
  if (short < 24) {
    reader.at += 1;
    return short;
  }
  if (short > 27) throw new Error('an indefinite or unknown length');
  const width = 1 << (short - 24);
  if (at + 1 + width > bytes.length) throw new Error('it ends too early');
  reader.at += 1 + width;
  if (width < 8) {
    const count = width === 1 ? (bytes[at + 1] as number) : text.readUIntBE(at + 1, width);
    if (count < (width === 1 ? 24 : width === 2 ? 0x100 : 0x1_0000)) throw new Error('not in canonical form');
    return count;
  }
  const high = text.readUInt32BE(at + 1);
  const count = high * 0x1_0000_0000 + text.readUInt32BE(at + 5);
  if (high === 0) throw new Error('not in canonical form');
  if (!Number.isSafeInteger(count)) throw new Error('an integer that is too large');
  return count;
}

function negative(count: number): number {
  if (count === Number.MAX_SAFE_INTEGER) throw new Error('an integer that is too large');
  return -1 - count;
}

/** Where the next `length` bytes begin; they are read. */
function take(reader: Reader, length: number): number {
  const { at } = reader;
  if (length > reader.bytes.length - at) throw new Error('it ends too early');
  reader.at += length;
  return at;
}

function readBytes(reader: Reader, length: number): Uint8Array {
  const at = take(reader, length);
  const { bytes } = reader;
  if (length > SHORT_BYTES) {
    const part = new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);
    return length < COPIED_BELOW ? part.slice() : part;
  }
  const copy = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) copy[index] = bytes[at + index] as number;
  return copy;
}

function readText(reader: Reader, length: number): string {
  const at = take(reader, length);
  const { bytes, text } = reader;
  if (length < SHORT_TEXT) {
    let short = '';
    let index = at;
    for (; index < reader.at; index += 1) {
      const unit = bytes[index] as number;
      if (unit > 0x7f) break;
      short += String.fromCharCode(unit);
    }
    if (index === reader.at) return short;
  }
  const whole = text.toString('utf8', at, reader.at);
  if (whole.includes(REPLACEMENT) && Buffer.from(whole).compare(text, at, reader.at) !== 0) throw new Error('a text that is no UTF-8');
  return whole;
}

function readList(reader: Reader, count: number): Canonical[] {
  if (count > reader.bytes.length - reader.at) throw new Error('it ends too early');
  const list: Canonical[] = [];
  for (let index = 0; index < count; index += 1) list.push(readValue(reader));
  return list;
}

/** Keys are texts that rise, shorter ones first: so none comes twice. */
function readMap(reader: Reader, count: number): { readonly [key: string]: Canonical } {
  if (count > reader.bytes.length - reader.at) throw new Error('it ends too early');
  const { bytes, text } = reader;
  const map: { [key: string]: Canonical } = {};
  let [before, beforeEnd] = [0, 0];
  for (let index = 0; index < count; index += 1) {
    if ((bytes[reader.at] ?? 0) >> 5 !== MAJOR.text) throw new Error('a key that is no text');
    const length = readCount(reader);
    const at = reader.at;
    const key = readText(reader, length);
    if (index > 0) {
      const order = length - (beforeEnd - before) || text.compare(text, before, beforeEnd, at, reader.at);
      if (order <= 0) throw new Error('not in canonical form');
    }
    [before, beforeEnd] = [at, reader.at];
    const value = readValue(reader);
    // Assigned, this one would be the prototype.
    if (key === '__proto__') Object.defineProperty(map, key, { value, configurable: true, enumerable: true, writable: true });
    else map[key] = value;
  }
  return map;
}

function readSimple(reader: Reader, first: number): Canonical {
  const width = FLOATS.get(first);
  if (width !== undefined) {
    const at = take(reader, 1 + width);
    return readFloat(reader.bytes.subarray(at, reader.at));
  }
  reader.at += 1;
  if (first === FALSE) return false;
  if (first === TRUE) return true;
  if (first === NULL) return null;
  throw new Error('a value of no kind that is carried');
}
