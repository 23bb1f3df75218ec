import { encodeCanonical, type Canonical } from '../../core/canonical.ts';
import { parseCanonical, readBytes, readCount, readFields, readHex, readList, readText } from '../../core/canonical-fields.ts';
import { sha256 } from '../../core/crypto/hash.ts';
import { bytesToHex, hexToBytes, type ObjectId, type SpaceId } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Result } from '../../core/result.ts';
import type { BucketIndex, IndexState, LocatedObject } from './bucket-index.ts';

/**
 * Snapshots of a space's index, so that a new node does not read its whole log. What is missing or damaged of one costs
 * time only: the log is complete without it.
 *
 * index/latest = canonical [space, position, hash, condemned, nonce, [[blob name, size, data at] …], [SHA-256 of each part …]]
 * index/POSITION-NONCE/N = part N: objects, ascending by id: id (32) ‖ number of its blob in the list (4) ‖ offset (4) ‖ size (4)
 */
const ROW = 32 + 4 + 4 + 4;
const PART_ROWS = 50_000;
const POINTER_BYTES = 32 * 1024 * 1024;
const LIST = 1_000_000;
export const LATEST = 'index/latest';

export interface Pointer {
  readonly space: SpaceId;
  readonly position: number;
  readonly hash: string;
  readonly condemned: number;
  readonly nonce: string;
  readonly blobs: IndexState['blobs'];
  readonly parts: readonly string[];
}

/** Writes the state that the index has now. O(objects). */
export async function writeSnapshot({ blobs, folder, space, index }: SnapshotPlace, nonce: string): Promise<void> {
  const before = await readPointer(blobs, folder);
  const pointer = await index.withState(space, async ({ head, condemned, blobs: named, objects }): Promise<Pointer> => {
    const numbers = new Map(named.map(({ name }, at) => [name, at] as const));
    const parts: string[] = [];
    const whole = { space, position: head.position, hash: head.hash, condemned, nonce, blobs: named };
    for (const rows of pagesOf(objects)) {
      const part = encodeRows(rows, numbers);
      await blobs.write(`${folder}/${partName(whole, parts.length)}`, part);
      parts.push(bytesToHex(sha256(part)));
    }
    return { ...whole, parts };
  });
  await blobs.write(`${folder}/${LATEST}`, encodePointer(pointer));
  if (before !== null && before.nonce !== nonce) await removeParts(blobs, folder, before);
}

export interface SnapshotPlace {
  readonly blobs: Blobs;
  /** Of the space, in the bucket. */
  readonly folder: string;
  readonly space: SpaceId;
  readonly index: BucketIndex;
}

/**
 * Takes the newest snapshot into the index, where it is newer, whole, and of this log (the bucket may have been restored in
 * parts). Where it turns out not to be whole, the index is empty. `into`: where the index keeps it, for whom it is only
 * a part of what is known.
 */
export async function loadSnapshot(
  { blobs, folder, space, index }: SnapshotPlace,
  isThere: (position: number, hash: string) => Promise<boolean>,
  into: SpaceId = space,
): Promise<void> {
  const pointer = await readPointer(blobs, folder);
  if (pointer === null || pointer.space !== space || pointer.position <= index.head(into).position) return;
  if (!(await isThere(pointer.position, pointer.hash))) return;
  index.loading.begin(into, pointer.blobs);
  for (const [number, hash] of pointer.parts.entries()) {
    const part = await blobs.read(`${folder}/${partName(pointer, number)}`);
    const rows = part !== null && bytesToHex(sha256(part)) === hash ? decodeRows(part, pointer.blobs) : null;
    if (rows === null) return index.forget(into);
    index.loading.add(into, rows);
  }
  index.loading.end(into, pointer, pointer.condemned);
}

/** 0: there is none that can be read. */
export async function positionOfSnapshot(blobs: Blobs, folder: string): Promise<number> {
  return (await readPointer(blobs, folder))?.position ?? 0;
}

async function readPointer(blobs: Blobs, folder: string): Promise<Pointer | null> {
  const bytes = await blobs.read(`${folder}/${LATEST}`);
  const pointer = bytes === null ? null : decodePointer(bytes);
  return pointer?.ok === true ? pointer.value : null;
}

async function removeParts(blobs: Blobs, folder: string, pointer: Pointer): Promise<void> {
  const names = pointer.parts.map((_, number) => `${folder}/${partName(pointer, number)}`);
  for (let at = 0; at < names.length; at += 1_000) await blobs.remove(names.slice(at, at + 1_000));
}

function partName({ position, nonce }: Pick<Pointer, 'position' | 'nonce'>, number: number): string {
  return `index/${String(position).padStart(16, '0')}-${nonce}/${number}`;
}

export function encodePointer({ space, position, hash, condemned, nonce, blobs, parts }: Pointer): Uint8Array {
  const named = blobs.map(({ name, size, dataAt }): Canonical => [name, size, dataAt]);
  return encodeCanonical([hexToBytes(space), position, hexToBytes(hash), condemned, hexToBytes(nonce), named, parts.map(hexToBytes)]);
}

/** Foreign bytes. Never throws. */
export function decodePointer(bytes: Uint8Array): Result<Pointer, string> {
  return parseCanonical('the snapshot', bytes, POINTER_BYTES, (value): Pointer => {
    const [space, position, hash, condemned, nonce, blobs, parts] = readFields(value, 7);
    return {
      space: readHex(space) as SpaceId,
      position: readCount(position, 1),
      hash: readHex(hash),
      condemned: readCount(condemned),
      nonce: readHex(nonce, 16),
      blobs: readList(blobs, LIST).map((blob) => {
        const [name, size, dataAt] = readFields(blob, 3);
        return { name: readText(name, 64), size: readCount(size), dataAt: readCount(dataAt) };
      }),
      parts: readList(parts, LIST).map((part) => bytesToHex(readBytes(part, 32))),
    };
  });
}

function encodeRows(rows: readonly LocatedObject[], numbers: ReadonlyMap<string, number>): Uint8Array {
  const table = Buffer.alloc(rows.length * ROW);
  rows.forEach(({ id, blob, offset, size }, row) => {
    const at = row * ROW;
    table.set(hexToBytes(id), at);
    table.writeUInt32BE(numbers.get(blob) ?? 0, at + 32);
    table.writeUInt32BE(offset, at + 36);
    table.writeUInt32BE(size, at + 40);
  });
  return table;
}

/** `null` for what is no part of a snapshot with these blobs. */
export function decodeRows(bytes: Uint8Array, blobs: IndexState['blobs']): LocatedObject[] | null {
  const table = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (table.length % ROW !== 0) return null;
  const rows: LocatedObject[] = [];
  for (let at = 0; at < table.length; at += ROW) {
    const blob = blobs[table.readUInt32BE(at + 32)]?.name;
    if (blob === undefined) return null;
    const id = bytesToHex(table.subarray(at, at + 32)) as ObjectId;
    rows.push({ id, blob, offset: table.readUInt32BE(at + 36), size: table.readUInt32BE(at + 40) });
  }
  return rows;
}

function* pagesOf(objects: Iterable<LocatedObject>): Generator<LocatedObject[]> {
  let page: LocatedObject[] = [];
  for (const object of objects) {
    page.push(object);
    if (page.length < PART_ROWS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
