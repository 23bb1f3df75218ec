import { join } from 'node:path';
import type { ObjectId } from '../../core/ids.ts';
import type { FolderFiles } from './files.ts';
import { encodeFrame, readFrame, readFrameHead, torn } from './frame.ts';
import { allInTable, encodeTable, findInTable, isTable, tableEntries, type PackEntry, type PackTable } from './pack-table.ts';
import type { Sequence } from './sequence.ts';

/** Which pack holds an object. */
export interface PackIndex {
  /** Looks for packs that came since. O(new packs); at first O(packs / 4096 + 128) files. */
  refresh(): Promise<void>;
  /** In the newest pack that holds it. */
  find(id: ObjectId): PackEntry | undefined;
  /** In every pack that holds it. */
  findAll(id: ObjectId): PackEntry[];
  /** Writes the merged tables that are due: for those who write anyway. Any writer makes the same file. */
  merge(): Promise<void>;
}

/** Packs that one merged table covers, by level: 64 packs, 64 of those. */
const SPANS = [64, 4_096] as const;

interface Block {
  readonly first: number;
  readonly span: number;
  readonly table: PackTable;
}

/**
 * Each pack begins with a table of its objects. Every 64 packs, and every 4,096, one merged table is written, so that
 * a new reader opens few files. Tables stay in memory as they lie in the files.
 */
export function createPackIndex(packs: Sequence, files: FolderFiles, directory: string): PackIndex {
  let blocks: Block[] = [];
  let covered = 0;
  let anchor: string | null = null;
  let refreshing: Promise<void> | undefined;

  const mergedPath = (span: number, first: number): string => join(directory, `${span}-${String(first / span).padStart(8, '0')}.idx`);

  async function readMerged(span: number, first: number): Promise<Block | null> {
    const path = mergedPath(span, first);
    const frame = await readFrame(path, 'IDX1');
    if (frame === null) return null;
    if (!isTable(frame.payload)) throw torn(path, 'it is no table');
    return { first, span, table: frame.payload };
  }

  async function readPackTable(pack: number): Promise<Block> {
    const path = packs.path(pack);
    const frame = await readFrameHead(path, 'PAK1');
    if (frame === null) throw torn(path, 'it is missing, though later ones are there');
    if (!isTable(frame.head)) throw torn(path, 'it begins with no table');
    const entries = tableEntries(frame.head);
    if (entries.some(({ offset, length }) => offset + length > frame.payloadLength)) throw torn(path, 'its table points past its end');
    return { first: pack, span: 1, table: encodeTable(entries.map((entry) => ({ ...entry, pack }))) };
  }

  async function load(): Promise<void> {
    const newest = await packs.newest();
    const now = newest < 0 ? null : await packs.fingerprint(0);
    if (newest + 1 < covered || now !== anchor) {
      blocks = []; // another folder than before: one restored from a copy
      covered = 0;
      anchor = now;
    }
    while (covered <= newest) {
      const block = await nextBlock(covered, newest);
      blocks.push(block);
      covered += block.span;
    }
  }

  async function nextBlock(first: number, newest: number): Promise<Block> {
    for (const span of SPANS.toReversed()) {
      if (first % span !== 0 || first + span > newest + 1) continue;
      const merged = await readMerged(span, first);
      if (merged !== null) return merged;
    }
    return readPackTable(first);
  }

  return {
    refresh() {
      refreshing ??= load().finally(() => (refreshing = undefined));
      return refreshing;
    },
    find(id) {
      for (let at = blocks.length - 1; at >= 0; at -= 1) {
        const entry = findInTable((blocks[at] as Block).table, id);
        if (entry !== undefined) return entry;
      }
      return undefined;
    },
    findAll: (id) => blocks.flatMap((block) => allInTable(block.table, id)),
    async merge() {
      for (const span of SPANS) {
        for (let first = 0; first + span <= covered; first += span) {
          const parts = blocks.filter((block) => block.first >= first && block.first + block.span <= first + span);
          if (parts.length < 2) continue;
          const table = encodeTable(parts.flatMap((part) => tableEntries(part.table)));
          await files.ensure(directory);
          await files.publish(mergedPath(span, first), encodeFrame('IDX1', new Uint8Array(0), table));
          const kept = blocks.filter((block) => !parts.includes(block));
          blocks = [...kept, { first, span, table }].toSorted((a, b) => a.first - b.first);
        }
      }
    },
  };
}
