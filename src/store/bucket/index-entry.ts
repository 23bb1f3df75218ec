import { encodeCanonical, type Canonical } from '../../core/canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readFields, readHex, readList, readText } from '../../core/canonical-fields.ts';
import { sha256 } from '../../core/crypto/hash.ts';
import { bytesToHex, hexToBytes, type ObjectId, type SpaceId } from '../../core/ids.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { decodeIds, decodePlaced, encodeIds, encodePlaced, type PlacedObject } from './object-table.ts';

/**
 * An entry of the log that says where a space's objects lie in a bucket (docs/formats-chunks.md, docs/decisions/0013).
 *
 * entry = "SATLOG1\n" (8) ‖ length of the header (4) ‖ header (canonical) ‖ SHA-256 of all that (32) ‖ data
 *
 * The data are the bytes of a small pack, or none. They may be cut off later, when no object lies in them any more.
 */
export interface IndexEntry {
  readonly space: SpaceId;
  /** From 1 on, without gaps. */
  readonly position: number;
  /** Hash of the entry before, hex; zeros for the first. */
  readonly previous: string;
  /** Makes the bytes of each writer its own; hex, 16 bytes. */
  readonly nonce: string;
  readonly change: IndexChange;
}

export type IndexChange =
  /** New packs. An object that has a place keeps it, unless `heals` names it: what lay there was damaged. */
  | { readonly type: 'put'; readonly packs: readonly Pack[]; readonly heals: readonly ObjectId[] }
  | { readonly type: 'delete'; readonly ids: readonly ObjectId[] }
  /** Objects that still lie in one of the blobs `from` lie in the new pack from here on. */
  | { readonly type: 'move'; readonly pack: Pack; readonly from: readonly string[] }
  /** The bytes of these blobs, in which no object lay, are gone. */
  | { readonly type: 'swept'; readonly blobs: readonly string[] }
  /** Packs that were begun below that position and that no entry names by now never count. */
  | { readonly type: 'condemn'; readonly below: number }
  /**
   * Entries before this one are lost: what they said counts no more, and this is what is known to be there. The first of a new run:
   * nothing comes before it.
   */
  | { readonly type: 'restart'; readonly condemned: number; readonly blobs: readonly KeptBlob[] }
  /** More of what is there, of a restart that was too large for one entry. */
  | { readonly type: 'restated'; readonly blobs: readonly KeptBlob[] };

/** A blob of an earlier run, and what lies in it. */
export interface KeptBlob {
  readonly name: string;
  readonly size: number;
  /** Where its data begin. */
  readonly dataAt: number;
  /** Offsets are from the beginning of the blob. */
  readonly objects: readonly PlacedObject[];
}

export interface Pack {
  /** Below the space's folder; `null`: the data of the entry itself. */
  readonly name: string | null;
  readonly size: number;
  readonly objects: readonly PlacedObject[];
}

export interface DecodedEntry {
  readonly entry: IndexEntry;
  /** Hex. */
  readonly hash: string;
  /** Where the data begin. */
  readonly dataAt: number;
}

const MAGIC = Buffer.from('SATLOG1\n');
/** Of this version, and of later ones: they keep the frame, so that what they wrote is told from what rotted. */
const MAGICS = /^SATLOG[1-9]\n$/;
const HASH = 32;
/** Bytes before the header. */
export const ENTRY_START = MAGIC.length + 4;
const HEADER_BYTES = 32 * 1024 * 1024;
const PACK_BYTES = 64 * 1024 * 1024;
const LIST = 100_000;
const PACK_NAME = /^packs\/(\d{16})-[0-9a-f]{32}$/;
const BLOB_NAME = /^(?:packs\/\d{16}-[0-9a-f]{32}|log\/\d{16})$/;

export function entryName(position: number): string {
  return `log/${String(position).padStart(16, '0')}`;
}

/** `base`: the head when the pack was begun. */
export function packName(base: number, nonce: string): string {
  return `packs/${String(base).padStart(16, '0')}-${nonce}`;
}

/** `null` for what is no name of a pack. */
export function packBase(name: string): number | null {
  const base = PACK_NAME.exec(name)?.[1];
  return base === undefined ? null : Number(base);
}

/** The entry without its data, and its hash. */
export function encodeEntry(entry: IndexEntry): { readonly bytes: Uint8Array; readonly hash: string } {
  const { change, space, position, previous, nonce } = entry;
  const header = encodeCanonical([change.type, hexToBytes(space), position, hexToBytes(previous), hexToBytes(nonce), ...fieldsOf(change)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length);
  const begin = Buffer.concat([MAGIC, length, header]);
  const hash = sha256(begin);
  return { bytes: Buffer.concat([begin, hash]), hash: bytesToHex(hash) };
}

/** How many bytes the entry has before its data, from its first `ENTRY_START` bytes. */
export function lengthOfEntry(bytes: Uint8Array): Result<number, string> {
  const begin = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (begin.length < ENTRY_START || !MAGICS.test(begin.toString('latin1', 0, MAGIC.length)))
    return fail('this is no entry of the log of objects');
  const length = begin.readUInt32BE(MAGIC.length);
  return length > HEADER_BYTES ? fail('the header is too long') : ok(ENTRY_START + length + HASH);
}

/** Whether these bytes begin with what somebody wrote as an entry, though its reader may be too old for it. Never throws. O(size). */
export function isWholeEntry(bytes: Uint8Array): boolean {
  const length = lengthOfEntry(bytes);
  if (!length.ok || bytes.length < length.value) return false;
  const hash = bytesToHex(bytes.subarray(length.value - HASH, length.value));
  return bytesToHex(sha256(bytes.subarray(0, length.value - HASH))) === hash;
}

/** Foreign bytes, with data or without. Never throws. O(size). */
export function decodeEntry(bytes: Uint8Array): Result<DecodedEntry, string> {
  const length = lengthOfEntry(bytes);
  if (!length.ok) return length;
  const dataAt = length.value;
  if (bytes.length < dataAt) return fail('the entry is cut off');
  const hash = bytesToHex(bytes.subarray(dataAt - HASH, dataAt));
  if (bytesToHex(sha256(bytes.subarray(0, dataAt - HASH))) !== hash) return fail('the entry is damaged');
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) return fail('the entry: it is of an unknown version: update Satchel');
  const entry = parseCanonical('the entry', bytes.subarray(ENTRY_START, dataAt - HASH), HEADER_BYTES, readEntry);
  return entry.ok ? ok({ entry: entry.value, hash, dataAt }) : entry;
}

function fieldsOf(change: IndexChange): Canonical[] {
  switch (change.type) {
    case 'put':
      return [change.packs.map(packFields), encodeIds(change.heals)];
    case 'delete':
      return [encodeIds(change.ids)];
    case 'move':
      return [packFields(change.pack), [...change.from]];
    case 'swept':
      return [[...change.blobs]];
    case 'condemn':
      return [change.below];
    case 'restart':
      return [change.condemned, change.blobs.map(keptFields)];
    case 'restated':
      return [change.blobs.map(keptFields)];
  }
}

function keptFields({ name, size, dataAt, objects }: KeptBlob): Canonical {
  return [name, size, dataAt, encodePlaced(objects)];
}

function packFields({ name, size, objects }: Pack): Canonical {
  return [name, size, encodePlaced(objects)];
}

function readEntry(value: Canonical): IndexEntry {
  const [type, space, position, previous, nonce, ...fields] = readList(value, 7);
  return {
    space: readHex(space) as SpaceId,
    position: readCount(position, 1),
    previous: readHex(previous),
    nonce: readHex(nonce, 16),
    change: readChange(type, fields),
  };
}

function readChange(type: Canonical | undefined, fields: readonly Canonical[]): IndexChange {
  switch (type) {
    case 'put': {
      const [packs, heals] = readFields(fields, 2);
      const read = readList(packs, LIST).map(readPack);
      if (read.filter(({ name }) => name === null).length > 1) throw new Malformed('an entry has data for one pack');
      return { type, packs: read, heals: decodeIds(readBytes(heals)) };
    }
    case 'delete':
      return { type, ids: decodeIds(readBytes(readFields(fields, 1)[0])) };
    case 'move': {
      const [pack, from] = readFields(fields, 2);
      return { type, pack: readPack(pack), from: readNames(from) };
    }
    case 'swept':
      return { type, blobs: readNames(readFields(fields, 1)[0]) };
    case 'condemn':
      return { type, below: readCount(readFields(fields, 1)[0]) };
    case 'restart': {
      const [condemned, blobs] = readFields(fields, 2);
      return { type, condemned: readCount(condemned), blobs: readList(blobs, LIST).map(readKept) };
    }
    case 'restated':
      return { type, blobs: readList(readFields(fields, 1)[0], LIST).map(readKept) };
    default:
      throw new Malformed('it is of an unknown type: update Satchel');
  }
}

function readPack(value: Canonical | undefined): Pack {
  const [name, size, objects] = readFields(value, 3);
  const length = readCount(size);
  if (length > PACK_BYTES) throw new Malformed('a pack is too large');
  if (name !== null && packBase(readText(name, 64)) === null) throw new Malformed('a pack has a name that is none');
  return { name: name as string | null, size: length, objects: decodePlaced(readBytes(objects), length) };
}

function readKept(value: Canonical | undefined): KeptBlob {
  const [name, size, dataAt, objects] = readFields(value, 4);
  const text = readText(name, 64);
  if (!BLOB_NAME.test(text)) throw new Malformed('a blob has a name that is none');
  const [length, begin] = [readCount(size), readCount(dataAt)];
  if (length > PACK_BYTES || begin > PACK_BYTES) throw new Malformed('a pack is too large');
  return { name: text, size: length, dataAt: begin, objects: decodePlaced(readBytes(objects), begin + length) };
}

function readNames(value: Canonical | undefined): string[] {
  return readList(value, LIST).map((name) => {
    const text = readText(name, 64);
    if (!BLOB_NAME.test(text)) throw new Malformed('a blob has a name that is none');
    return text;
  });
}
