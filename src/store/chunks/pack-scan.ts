import { sha256Hex } from '../../core/crypto/hash.ts';
import type { ObjectId } from '../../core/ids.ts';
import { decodeDeletion, decodeEntryHeader, ENTRY_HEADER, nextEntryMagic, type EntryHeader, type Position } from './pack-format.ts';

/** An entry as the index takes it. */
export type PlacedEntry =
  | { readonly type: 'object'; readonly id: ObjectId; readonly at: Position; readonly size: number }
  | { readonly type: 'deletion'; readonly id: ObjectId; readonly at: Position; readonly before: Position };

export interface Scan {
  readonly entries: readonly PlacedEntry[];
  /** Offset behind the last valid entry. */
  readonly end: number;
}

/**
 * All valid entries in `bytes`, which lie in pack `pack` from offset `base` on. Payloads are checked too: after a
 * crash any part of what was not yet flushed may be missing. O(size), at the speed of SHA-256.
 */
export function scanPack(bytes: Buffer, pack: number, base: number): Scan {
  const entries: PlacedEntry[] = [];
  let end = 0;
  for (let offset = 0; offset !== -1 && offset < bytes.length;) {
    const entry = entryAt(bytes, offset, { pack, offset: base + offset });
    if (entry === null) {
      offset = nextEntryMagic(bytes, offset + 1);
      continue;
    }
    entries.push(entry.placed);
    offset += ENTRY_HEADER + entry.header.length;
    end = offset;
  }
  return { entries, end: base + end };
}

function entryAt(bytes: Buffer, offset: number, at: Position): { header: EntryHeader; placed: PlacedEntry } | null {
  const header = decodeEntryHeader(bytes, offset);
  if (header === null || offset + ENTRY_HEADER + header.length > bytes.length) return null;
  const payload = bytes.subarray(offset + ENTRY_HEADER, offset + ENTRY_HEADER + header.length);
  const { id } = header;
  if (header.type === 'object') {
    return sha256Hex(payload) === id ? { header, placed: { type: 'object', id, at, size: header.length } } : null;
  }
  const before = decodeDeletion(payload);
  return before === null ? null : { header, placed: { type: 'deletion', id, at, before } };
}
