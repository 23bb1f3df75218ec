import { writevSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesToHex, type ObjectId, type SpaceId } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';
import { encodeDeletion, encodeEntryHeader, encodePackHeader, ENTRY_HEADER, PACK_HEADER, packName, type Position } from './pack-format.ts';
import type { IndexedPack } from './pack-index.ts';
import type { PlacedEntry } from './pack-scan.ts';

/** What shall be written. A deletion without `before` is of everything up to itself. */
export type NewEntry =
  | { readonly type: 'object'; readonly id: ObjectId; readonly bytes: Uint8Array }
  | { readonly type: 'deletion'; readonly id: ObjectId; readonly before?: Position };

export interface WrittenPack {
  readonly pack: IndexedPack;
  readonly entries: readonly PlacedEntry[];
}

/** Bytes handed to the kernel at once, and the number of its pieces (IOV_MAX is 1,024). */
const WRITE_BYTES = 4 * 1024 * 1024;
const WRITE_PIECES = 1_000;
/** So few are handed over at once: another thread would take longer to be asked than they take to be copied. Flushing is left to it. */
const FEW_BYTES = 64 * 1024;

export interface PackWriter {
  /** Appends and flushes. All that it gives back is durable. After an error nothing is, and the next pack is begun. Never call it twice at once. */
  readonly append: (entries: readonly NewEntry[]) => Promise<WrittenPack[]>;
  /** The next append begins another pack. */
  readonly endPack: () => Promise<void>;
  /** True for the pack that the next append would write to. */
  readonly holds: (pack: number) => boolean;
}

interface OpenPack {
  readonly handle: FileHandle;
  readonly number: number;
  readonly ident: string;
  length: number;
}

/**
 * Writes the packs of one space. `last` is the newest pack, to go on with; `null` to begin number `next`.
 */
export function createPackWriter(
  deps: { readonly folder: string; readonly space: SpaceId; readonly random: Random; readonly packBytes: number },
  last: IndexedPack | null,
  next: number,
): PackWriter {
  const { folder, space, random, packBytes } = deps;
  let current: OpenPack | null = null;
  let resume = last;
  let nextNumber = next;

  async function currentPack(): Promise<OpenPack> {
    if (current !== null) return current;
    if (resume !== null && resume.length < packBytes) {
      const handle = await open(join(folder, packName(resume.number)), 'r+');
      current = { handle, number: resume.number, ident: resume.ident, length: resume.length };
      resume = null;
      return current;
    }
    resume = null;
    return (current = await beginPack());
  }

  async function beginPack(): Promise<OpenPack> {
    const number = nextNumber++;
    const ident = random.bytes(16);
    const handle = await open(join(folder, packName(number)), 'wx', 0o600);
    try {
      const header = encodePackHeader(ident, space);
      await writeAll(handle, [header], 0);
      await flushFolder(folder);
      return { handle, number, ident: bytesToHex(ident), length: PACK_HEADER };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async function endPack(): Promise<void> {
    const pack = current;
    current = null;
    resume = null;
    await pack?.handle.close();
  }

  /** As many of the entries from `start` on as one write and this pack take. */
  function prepare(
    pack: OpenPack,
    entries: readonly NewEntry[],
    start: number,
  ): { pieces: Uint8Array[]; placed: PlacedEntry[]; bytes: number } {
    const pieces: Uint8Array[] = [];
    const placed: PlacedEntry[] = [];
    let bytes = 0;
    for (let index = start; index < entries.length; index++) {
      const entry = entries[index];
      if (entry === undefined || bytes >= WRITE_BYTES || pieces.length >= WRITE_PIECES || pack.length + bytes >= packBytes) break;
      const at = { pack: pack.number, offset: pack.length + bytes };
      const before = entry.type === 'deletion' ? (entry.before ?? at) : at;
      const payload = entry.type === 'object' ? entry.bytes : encodeDeletion(before);
      const { id } = entry;
      pieces.push(encodeEntryHeader({ type: entry.type, id, length: payload.length }), payload);
      placed.push(entry.type === 'object' ? { type: 'object', id, at, size: payload.length } : { type: 'deletion', id, at, before });
      bytes += ENTRY_HEADER + payload.length;
    }
    return { pieces, placed, bytes };
  }

  async function appendToPack(pack: OpenPack, entries: readonly NewEntry[], start: number): Promise<WrittenPack> {
    const before = pack.length;
    const written: PlacedEntry[] = [];
    try {
      while (start + written.length < entries.length && pack.length < packBytes) {
        const { pieces, placed, bytes } = prepare(pack, entries, start + written.length);
        await writeAll(pack.handle, pieces, pack.length);
        pack.length += bytes;
        written.push(...placed);
      }
      await pack.handle.datasync();
    } catch (error) {
      // What was not flushed cannot be trusted any more, and the pack not either: it ends where it was sound.
      await pack.handle.truncate(before).catch(() => undefined);
      await endPack();
      throw error;
    }
    return { pack: { number: pack.number, ident: pack.ident, length: pack.length }, entries: written };
  }

  return {
    async append(entries) {
      const all: WrittenPack[] = [];
      for (let done = 0; done < entries.length;) {
        const pack = await currentPack();
        const written = await appendToPack(pack, entries, done);
        done += written.entries.length;
        all.push(written);
        if (pack.length >= packBytes) await endPack();
      }
      return all;
    },
    endPack,
    holds: (pack) => (current ?? resume)?.number === pack,
  };
}

async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[], position: number): Promise<void> {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytesWritten =
    total <= FEW_BYTES ? writevSync(handle.fd, pieces, position) : (await handle.writev([...pieces], position)).bytesWritten;
  if (bytesWritten === total) return;
  const rest = Buffer.concat(pieces).subarray(bytesWritten); // a short write: a full disk says so on the next one
  for (let done = 0; done < rest.length;) {
    const { bytesWritten: more } = await handle.write(rest, done, rest.length - done, position + bytesWritten + done);
    done += more;
  }
}

export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
