import type { Canonical } from './value.ts';
import { writeFloat } from './floats.ts';
import { DEEPEST, FALSE, MAJOR, NULL, TRUE } from './forms.ts';

/** Shorter texts are written byte by byte, which takes less than a call. */
const SHORT_TEXT = 24;

type List = readonly Canonical[];
type Fields = { readonly [key: string]: Canonical };

/** How many bytes {@link writeCanonical} writes. Throws on what has no canonical form. */
export function sizeOfCanonical(value: Canonical, depth = 0): number {
  switch (typeof value) {
    case 'number':
      if (!Number.isSafeInteger(value)) return writeFloat(value).length;
      return sizeOfCount(value < 0 ? -1 - value : value);
    case 'string':
      return sizeWith(Buffer.byteLength(value));
    case 'boolean':
      return 1;
    case 'object':
      if (value === null) return 1;
      if (value instanceof Uint8Array) return sizeWith(value.length);
      if (depth === DEEPEST) throw new TypeError(`more than ${DEEPEST} deep, a value has no canonical form`);
      return isList(value) ? sizeOfList(value, depth + 1) : sizeOfMap(value, depth + 1);
    default:
      throw new TypeError(`a ${typeof value} has no canonical form`);
  }
}

function isList(value: List | Fields): value is List {
  return Array.isArray(value);
}

function sizeOfList(list: List, depth: number): number {
  let size = sizeOfCount(list.length);
  for (const value of list) size += sizeOfCanonical(value, depth);
  return size;
}

function sizeOfMap(fields: Fields, depth: number): number {
  const keys = Object.keys(fields);
  let size = sizeOfCount(keys.length);
  for (const key of keys) size += sizeWith(Buffer.byteLength(key)) + sizeOfCanonical(fields[key] as Canonical, depth);
  return size;
}

function sizeWith(length: number): number {
  return sizeOfCount(length) + length;
}

/** −0 is 0. */
function sizeOfCount(count: number): number {
  return count < 24 ? 1 : count < 0x100 ? 2 : count < 0x1_0000 ? 3 : count < 0x1_0000_0000 ? 5 : 9;
}

/** Writes the value's bytes to the beginning of `to`, which has room for them. */
export function writeCanonical(value: Canonical, to: Buffer): void {
  writeValue(value, to, 0);
}

/** Returns where it ends. */
function writeValue(value: Canonical, to: Buffer, at: number): number {
  switch (typeof value) {
    case 'number':
      return writeNumber(value, to, at);
    case 'string':
      return writeText(value, to, at);
    case 'boolean':
      to[at] = value ? TRUE : FALSE;
      return at + 1;
    default:
      if (value === null) {
        to[at] = NULL;
        return at + 1;
      }
      if (value instanceof Uint8Array) {
        const begin = writeCount(MAJOR.bytes, value.length, to, at);
        to.set(value, begin);
        return begin + value.length;
      }
      return isList(value) ? writeList(value, to, at) : writeMap(value, to, at);
  }
}

function writeNumber(value: number, to: Buffer, at: number): number {
  if (Number.isSafeInteger(value))
    return value < 0 ? writeCount(MAJOR.negative, -1 - value, to, at) : writeCount(MAJOR.unsigned, value, to, at);
  const float = writeFloat(value);
  to.set(float, at);
  return at + float.length;
}

function writeText(text: string, to: Buffer, at: number): number {
  if (text.length < SHORT_TEXT) {
    let index = 0;
    for (; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) break;
      to[at + 1 + index] = unit;
    }
    if (index === text.length) {
      to[at] = (MAJOR.text << 5) | index;
      return at + 1 + index;
    }
  }
  const length = Buffer.byteLength(text);
  const begin = writeCount(MAJOR.text, length, to, at);
  to.write(text, begin, length, 'utf8');
  return begin + length;
}

function writeList(list: List, to: Buffer, at: number): number {
  let end = writeCount(MAJOR.list, list.length, to, at);
  for (const value of list) end = writeValue(value, to, end);
  return end;
}

function writeMap(fields: Fields, to: Buffer, at: number): number {
  const keys = Object.keys(fields);
  if (keys.length > 1) keys.sort(compareKeys);
  let end = writeCount(MAJOR.map, keys.length, to, at);
  for (const key of keys) end = writeValue(fields[key] as Canonical, to, writeText(key, to, end));
  return end;
}

/** By bytes: the shorter one first, then the smaller one. */
function compareKeys(a: string, b: string): number {
  const [first, second] = [Buffer.from(a), Buffer.from(b)];
  return first.length - second.length || Buffer.compare(first, second);
}

function writeCount(major: number, count: number, to: Buffer, at: number): number {
  const kind = major << 5;
  if (count < 24) {
    to[at] = kind | count;
    return at + 1;
  }
  if (count < 0x100) {
    to[at] = kind | 24;
    to[at + 1] = count;
    return at + 2;
  }
  if (count < 0x1_0000) {
    to[at] = kind | 25;
    return to.writeUInt16BE(count, at + 1);
  }
  if (count < 0x1_0000_0000) {
    to[at] = kind | 26;
    return to.writeUInt32BE(count, at + 1);
  }
  to[at] = kind | 27;
  to.writeUInt32BE(Math.floor(count / 0x1_0000_0000), at + 1);
  return to.writeUInt32BE(count % 0x1_0000_0000, at + 5);
}
