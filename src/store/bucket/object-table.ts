import { bytesToHex, hexToBytes, type ObjectId } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import { Malformed } from '../../core/canonical-fields.ts';

/** Where an object lies among the bytes of a pack. */
export interface PlacedObject {
  readonly id: ObjectId;
  readonly offset: number;
  readonly size: number;
}

const ROW = 32 + 4 + 4;
const ID = 32;

/** id (32) ‖ offset (4) ‖ size (4) an object. */
export function encodePlaced(objects: readonly PlacedObject[]): Uint8Array {
  const table = Buffer.alloc(objects.length * ROW);
  objects.forEach(({ id, offset, size }, row) => {
    table.set(hexToBytes(id), row * ROW);
    table.writeUInt32BE(offset, row * ROW + ID);
    table.writeUInt32BE(size, row * ROW + ID + 4);
  });
  return table;
}

/** The inverse, for a pack of `length` bytes. Throws Malformed. O(objects). */
export function decodePlaced(bytes: Uint8Array, length: number): PlacedObject[] {
  const table = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (table.length % ROW !== 0) throw new Malformed('a table of objects is cut off');
  return Array.from({ length: table.length / ROW }, (_, row) => {
    const id = bytesToHex(table.subarray(row * ROW, row * ROW + ID)) as ObjectId;
    const [offset, size] = [table.readUInt32BE(row * ROW + ID), table.readUInt32BE(row * ROW + ID + 4)];
    if (size > LIMITS.objectCiphertext || offset + size > length) throw new Malformed('an object lies outside of its pack');
    return { id, offset, size };
  });
}

export function encodeIds(ids: readonly ObjectId[]): Uint8Array {
  return Buffer.concat(ids.map(hexToBytes));
}

/** Throws Malformed. */
export function decodeIds(bytes: Uint8Array): ObjectId[] {
  if (bytes.length % ID !== 0) throw new Malformed('a list of ids is cut off');
  return Array.from({ length: bytes.length / ID }, (_, at) => bytesToHex(bytes.subarray(at * ID, (at + 1) * ID)) as ObjectId);
}
