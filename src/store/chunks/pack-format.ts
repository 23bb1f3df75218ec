import { crc32 } from 'node:zlib';
import { bytesToHex, hexToBytes, type ObjectId, type SpaceId } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';

/**
 * Packs: where the folder driver keeps a space's objects. Integers are big-endian.
 *
 * `<folder>/<space id>/<number, 8 digits>.pack`, numbers ascending from 1 and never used again while any pack of the
 * space is there. A pack only grows; past 64 MiB the next one begins.
 *
 * pack  = "SATPACK\n" (8) ‖ version = 1 (4) ‖ random ident (16) ‖ space id (32) ‖ CRC-32 of all that (4) ‖ entries
 * entry = "SOBJ" (4) ‖ type (1) ‖ zeros (3) ‖ payload length (4) ‖ object id (32) ‖ CRC-32 of all that (4) ‖ payload
 *
 * type 1, object: the payload's SHA-256 is the id.
 * type 2, deletion: payload = pack number (4) ‖ offset (8) ‖ CRC-32 of both (4). Every object entry of that id that lies
 * before that position (by pack number, then offset) is dead. A new deletion names its own position; compaction carries
 * it to a later pack unchanged, for as long as packs up to the named one exist.
 *
 * Of several live entries of an id the last one counts; all hold the same bytes. Bytes that are no valid entry are
 * skipped up to the next valid one; behind the last valid one they are a torn tail, which the next write replaces.
 * `index.db` repeats where objects lie; it is derived, and made anew from the packs where it is missing or behind.
 */
export const PACK_HEADER = 64;
export const ENTRY_HEADER = 48;
export const DELETION_PAYLOAD = 16;

const PACK_MAGIC = Buffer.from('SATPACK\n');
const ENTRY_MAGIC = Buffer.from('SOBJ');
const VERSION = 1;

/** A place in a space's packs. */
export interface Position {
  readonly pack: number;
  readonly offset: number;
}

export function isBefore(a: Position, b: Position): boolean {
  return a.pack < b.pack || (a.pack === b.pack && a.offset < b.offset);
}

export type EntryType = 'object' | 'deletion';

export interface EntryHeader {
  readonly type: EntryType;
  readonly id: ObjectId;
  /** Of the payload. */
  readonly length: number;
}

export function packName(number: number): string {
  return `${String(number).padStart(8, '0')}.pack`;
}

/** `null` for the name of another file. */
export function packNumber(name: string): number | null {
  const match = /^(\d{8})\.pack$/.exec(name);
  return match?.[1] === undefined ? null : Number(match[1]);
}

export function encodePackHeader(ident: Uint8Array, space: SpaceId): Buffer {
  const out = Buffer.alloc(PACK_HEADER);
  PACK_MAGIC.copy(out);
  out.writeUInt32BE(VERSION, 8);
  out.set(ident, 12);
  out.set(hexToBytes(space), 28);
  out.writeUInt32BE(crc32(out.subarray(0, 60)), 60);
  return out;
}

/** The ident, or `null` where the header is damaged. Throws for a sound header of an unknown version. */
export function decodePackHeader(bytes: Buffer, where: string): string | null {
  if (bytes.length < PACK_HEADER || !bytes.subarray(0, 8).equals(PACK_MAGIC)) return null;
  if (bytes.readUInt32BE(60) !== crc32(bytes.subarray(0, 60))) return null;
  const version = bytes.readUInt32BE(8);
  if (version !== VERSION) throw new Error(`${where} is a pack of version ${version}; this Satchel reads ${VERSION}: update Satchel`);
  return bytesToHex(bytes.subarray(12, 28));
}

export function encodeEntryHeader({ type, id, length }: EntryHeader): Buffer {
  const out = Buffer.alloc(ENTRY_HEADER);
  ENTRY_MAGIC.copy(out);
  out[4] = type === 'object' ? 1 : 2;
  out.writeUInt32BE(length, 8);
  out.set(hexToBytes(id), 12);
  out.writeUInt32BE(crc32(out.subarray(0, 44)), 44);
  return out;
}

/** `null` where no sound entry begins at `offset`. The payload is not looked at. */
export function decodeEntryHeader(bytes: Buffer, offset: number): EntryHeader | null {
  if (offset + ENTRY_HEADER > bytes.length || !bytes.subarray(offset, offset + 4).equals(ENTRY_MAGIC)) return null;
  if (bytes.readUInt32BE(offset + 44) !== crc32(bytes.subarray(offset, offset + 44))) return null;
  const type = bytes[offset + 4];
  const length = bytes.readUInt32BE(offset + 8);
  const id = bytesToHex(bytes.subarray(offset + 12, offset + 44)) as ObjectId;
  if (type === 1 && length <= LIMITS.objectCiphertext) return { type: 'object', id, length };
  if (type === 2 && length === DELETION_PAYLOAD) return { type: 'deletion', id, length };
  return null;
}

/** Where the next entry may begin, or −1. */
export function nextEntryMagic(bytes: Buffer, from: number): number {
  return bytes.indexOf(ENTRY_MAGIC, from);
}

export function encodeDeletion(before: Position): Buffer {
  const out = Buffer.alloc(DELETION_PAYLOAD);
  out.writeUInt32BE(before.pack, 0);
  out.writeBigUInt64BE(BigInt(before.offset), 4);
  out.writeUInt32BE(crc32(out.subarray(0, 12)), 12);
  return out;
}

export function decodeDeletion(payload: Buffer): Position | null {
  if (payload.readUInt32BE(12) !== crc32(payload.subarray(0, 12))) return null;
  return { pack: payload.readUInt32BE(0), offset: Number(payload.readBigUInt64BE(4)) };
}
