import { sha256Hex } from '../../core/crypto/hash.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import type { FolderFiles } from './files.ts';
import { encodeFrame, readFrame, readFrameHead, readRanges, torn } from './frame.ts';
import type { PackDeletions } from './pack-deletions.ts';
import type { PackIndex } from './pack-index.ts';
import { encodeTable, tableEntries, type PackEntry } from './pack-table.ts';
import type { Sequence } from './sequence.ts';

/** The objects of one space in packs, one a batch: immutable, each object written once unless writers race. */
export interface FolderObjects {
  /** Those of `ids` that are here, durably. */
  has(ids: readonly ObjectId[]): Promise<Set<ObjectId>>;
  put(objects: readonly SealedObject[]): Promise<void>;
  get(ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>>;
  /** They are not there any more, until they are put again. */
  delete(ids: readonly ObjectId[]): Promise<void>;
  /** Puts those of `ids` back that were deleted. */
  revive(ids: readonly ObjectId[]): Promise<void>;
  /**
   * Takes the bytes of objects that were deleted over an hour ago out of their packs, which keep their layout: an append
   * that found one here just before it was deleted has ended by then. `stillDeletable` says which may go: the others
   * are put back first.
   */
  sweep(stillDeletable: (ids: readonly ObjectId[]) => Promise<ReadonlySet<ObjectId>>): Promise<void>;
}

export function createFolderObjects(packs: Sequence, index: PackIndex, deletions: PackDeletions, files: FolderFiles): FolderObjects {
  const durable = new Set<number>();

  async function locate(ids: readonly ObjectId[]): Promise<PackEntry[]> {
    const wanted = [...new Set(ids)];
    // Objects never move, so that what is known needs no look at the folder.
    if (wanted.some((id) => index.find(id) === undefined)) await index.refresh();
    await deletions.refresh();
    return wanted.flatMap((id) => present(id) ?? []);
  }

  function present(id: ObjectId): PackEntry | undefined {
    const entry = index.find(id);
    return entry !== undefined && entry.pack > deletions.deletedUpTo(id) ? entry : undefined;
  }

  async function put(objects: readonly SealedObject[]): Promise<void> {
    if (objects.length === 0) return;
    await index.refresh();
    await deletions.refresh();
    const missing = [...new Map(objects.map((object) => [object.id, object])).values()].filter(({ id }) => present(id) === undefined);
    if (missing.length === 0) return;
    const pack = encodePack(missing);
    for (let number = (await packs.newest()) + 1; !(await packs.publish(number, pack)); number += 1);
    await index.refresh();
    await index.merge();
  }

  return {
    async has(ids) {
      if (ids.length === 0) return new Set();
      await index.refresh();
      const entries = await locate(ids);
      // Their writers may have been killed between making a pack visible and making it durable.
      await packs.sync(entries.map((entry) => entry.pack).filter((pack) => !durable.has(pack)));
      for (const { pack } of entries) durable.add(pack);
      return new Set(entries.map((entry) => entry.id));
    },
    put,
    async get(ids) {
      const found = new Map<ObjectId, Uint8Array>();
      const byPack = new Map<number, PackEntry[]>();
      for (const entry of await locate(ids)) byPack.set(entry.pack, [...(byPack.get(entry.pack) ?? []), entry]);
      for (const [pack, entries] of byPack) await readPack(packs.path(pack), entries, found);
      return found;
    },
    async delete(ids) {
      const entries = await locate(ids);
      if (entries.length > 0)
        await deletions.add(
          entries.map((entry) => entry.id),
          Math.max(...entries.map((entry) => entry.pack)),
        );
    },
    async sweep(stillDeletable) {
      const due = await deletions.unswept();
      if (due.length === 0) return;
      await index.refresh();
      for (const deletion of due) {
        const goes = await stillDeletable(deletion.ids);
        await revive(deletion.ids.filter((id) => !goes.has(id)));
        const byPack = new Map<number, PackEntry[]>();
        for (const entry of deletion.ids.flatMap((id) => index.findAll(id))) {
          if (entry.pack <= deletion.upToPack) byPack.set(entry.pack, [...(byPack.get(entry.pack) ?? []), entry]);
        }
        for (const [pack, dead] of byPack) await blankOut(files, packs.path(pack), dead);
        await deletions.swept(deletion);
      }
    },
    revive,
  };

  async function revive(ids: readonly ObjectId[]): Promise<void> {
    const found = new Map<ObjectId, Uint8Array>();
    await deletions.refresh();
    for (const id of ids) {
      const entry = index.find(id);
      if (entry !== undefined && present(id) === undefined) await readPack(packs.path(entry.pack), [entry], found);
    }
    await put([...found].map(([id, bytes]) => ({ id, bytes })));
  }
}

/** A pack with zeros in the place of some objects: table and offsets stay what readers know. */
async function blankOut(files: FolderFiles, path: string, dead: readonly PackEntry[]): Promise<void> {
  const frame = await readFrame(path, 'PAK1');
  if (frame === null) throw torn(path, 'it is missing, though later ones are there');
  const { head, payload } = frame;
  for (const { offset, length } of dead) payload.fill(0, offset, offset + length);
  const whole = encodeFrame('PAK1', head, payload);
  const start = whole.length - payload.length;
  const gone = new Set(dead.map((entry) => entry.offset));
  const kept = tableEntries(head).filter((entry) => !gone.has(entry.offset));
  const parts = kept.map(({ offset, length }) => ({ offset: start + offset, bytes: payload.subarray(offset, offset + length) }));
  await files.replace(path, whole.length, [{ offset: 0, bytes: whole.subarray(0, start) }, ...parts]);
}

function encodePack(objects: readonly SealedObject[]): Buffer {
  let offset = 0;
  const entries = objects.map(({ id, bytes }) => {
    const entry = { id, pack: 0, offset, length: bytes.length };
    offset += bytes.length;
    return entry;
  });
  return encodeFrame('PAK1', encodeTable(entries), Buffer.concat(objects.map((object) => object.bytes)));
}

async function readPack(path: string, entries: readonly PackEntry[], found: Map<ObjectId, Uint8Array>): Promise<void> {
  if (entries.some(({ length }) => length > LIMITS.objectCiphertext)) throw torn(path, 'it is listed with an object of impossible size');
  const frame = await readFrameHead(path, 'PAK1');
  const ranges = entries.map(({ offset, length }) => ({ offset: (frame?.payloadOffset ?? 0) + offset, length }));
  const parts = frame === null ? null : await readRanges(path, ranges);
  if (parts === null) throw torn(path, 'it is missing, though later ones are there');
  parts.forEach((bytes, at) => {
    const { id } = entries[at] as PackEntry;
    if (sha256Hex(bytes) !== id) throw torn(path, `object ${id} does not match its id`);
    found.set(id, bytes);
  });
}
