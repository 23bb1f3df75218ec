import { bytesToHex, hexToBytes, type ObjectId } from '../../core/ids.ts';

/** Where an object lies. */
export interface PackEntry {
  readonly id: ObjectId;
  readonly pack: number;
  /** Into the pack's payload. */
  readonly offset: number;
  readonly length: number;
}

/** Entries sorted by id: id (32) ‖ pack (4) ‖ offset (4) ‖ length (4). 44 bytes an object, searched as they are. */
export type PackTable = Buffer;

const ENTRY = 32 + 4 + 4 + 4;

export function encodeTable(entries: readonly PackEntry[]): PackTable {
  const sorted = entries.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.pack - b.pack));
  const table = Buffer.alloc(sorted.length * ENTRY);
  sorted.forEach(({ id, pack, offset, length }, index) => {
    const at = index * ENTRY;
    table.set(hexToBytes(id), at);
    table.writeUInt32BE(pack, at + 32);
    table.writeUInt32BE(offset, at + 36);
    table.writeUInt32BE(length, at + 40);
  });
  return table;
}

/** Whether foreign bytes can be a table: whole entries, ascending. O(entries). */
export function isTable(bytes: Buffer): boolean {
  if (bytes.length % ENTRY !== 0) return false;
  for (let at = ENTRY; at < bytes.length; at += ENTRY) {
    if (bytes.compare(bytes, at, at + 32, at - ENTRY, at - ENTRY + 32) > 0) return false;
  }
  return true;
}

export function tableEntries(table: PackTable): PackEntry[] {
  return Array.from({ length: table.length / ENTRY }, (_, index) => entryAt(table, index));
}

/** The entry in the newest pack. O(log entries). */
export function findInTable(table: PackTable, id: ObjectId): PackEntry | undefined {
  const wanted = Buffer.from(hexToBytes(id));
  let [low, high] = [0, table.length / ENTRY];
  let found: PackEntry | undefined;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = middle * ENTRY;
    const order = wanted.compare(table, at, at + 32);
    if (order === 0) found = entryAt(table, middle);
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return found;
}

/** Every entry of an object: one a pack. O(entries) where there is one. */
export function allInTable(table: PackTable, id: ObjectId): PackEntry[] {
  const newest = findInTable(table, id);
  if (newest === undefined) return [];
  return tableEntries(table).filter((entry) => entry.id === id);
}

function entryAt(table: PackTable, index: number): PackEntry {
  const at = index * ENTRY;
  return {
    id: bytesToHex(table.subarray(at, at + 32)) as ObjectId,
    pack: table.readUInt32BE(at + 32),
    offset: table.readUInt32BE(at + 36),
    length: table.readUInt32BE(at + 40),
  };
}
