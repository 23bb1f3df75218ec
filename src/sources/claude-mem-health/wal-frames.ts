import { readSync } from 'node:fs';

/** What SQLite would play of a write-ahead log: its frames up to the last commit. Frames are numbered from 1. */
export interface WalFrames {
  readonly pageSize: number;
  /** Of each frame, the page that it holds; entry 0 is frame 1's. */
  readonly pages: readonly number[];
  readonly commits: readonly Commit[];
}

/** One transaction's end. */
export interface Commit {
  /** The last frame of the transaction. */
  readonly frame: number;
  /** Pages that the database has from then on. */
  readonly size: number;
}

export const WAL_HEADER = 32;
export const FRAME_HEADER = 24;
const MAGIC = 0x37_7f_06_82;
const VERSION = 3_007_000;
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Reads a log as SQLite does when it recovers one (https://sqlite.org/fileformat2.html#walformat): until the first frame of other salts, or
 * whose checksum is not that of all before it. `null` where not even the header is one, so that nothing of it is played. O(its size).
 */
export function readWalFrames(log: number): WalFrames | null {
  const header = Buffer.alloc(WAL_HEADER);
  if (readSync(log, header, 0, WAL_HEADER, 0) < WAL_HEADER) return null;
  const magic = header.readUInt32BE(0);
  const sum = createWalSum(magic === MAGIC);
  sum.add(header, 0, 24);
  const pageSize = header.readUInt32BE(8);
  if ((magic | 1) !== (MAGIC | 1) || header.readUInt32BE(4) !== VERSION || !sum.is(header, 24) || !isPageSize(pageSize)) return null;
  const frameSize = FRAME_HEADER + pageSize;
  const chunk = Buffer.alloc(Math.max(1, Math.floor(CHUNK_BYTES / frameSize)) * frameSize);
  const pages: number[] = [];
  const commits: Commit[] = [];
  for (let position = WAL_HEADER; ;) {
    const length = readSync(log, chunk, 0, chunk.length, position);
    for (let at = 0; at + frameSize <= length; at += frameSize) {
      const [page, size] = [chunk.readUInt32BE(at), chunk.readUInt32BE(at + 4)];
      const isOfLog = page !== 0 && chunk.compare(header, 16, 24, at + 8, at + 16) === 0;
      if (isOfLog) {
        sum.add(chunk, at, at + 8);
        sum.add(chunk, at + FRAME_HEADER, at + frameSize);
      }
      if (!isOfLog || !sum.is(chunk, at + 16)) return whole({ pageSize, pages, commits });
      pages.push(page);
      if (size > 0) commits.push({ frame: pages.length, size });
    }
    if (length < chunk.length) return whole({ pageSize, pages, commits });
    position += length;
  }
}

/** Where in the log the page of a frame begins. */
export function pagePosition(frame: number, pageSize: number): number {
  return WAL_HEADER + (frame - 1) * (FRAME_HEADER + pageSize) + FRAME_HEADER;
}

/** Without what was not committed. */
function whole({ pageSize, pages, commits }: WalFrames): WalFrames {
  return { pageSize, pages: pages.slice(0, commits.at(-1)?.frame ?? 0), commits };
}

function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
}

/** SQLite's running checksum of a log, over words in the byte order of whoever began it. */
function createWalSum(isLittleEndian: boolean): {
  add(bytes: Buffer, from: number, until: number): void;
  is(bytes: Buffer, at: number): boolean;
} {
  let [first, second] = [0, 0];
  return {
    add(bytes, from, until) {
      const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = from; at < until; at += 8) {
        first = (first + words.getUint32(at, isLittleEndian) + second) | 0;
        second = (second + words.getUint32(at + 4, isLittleEndian) + first) | 0;
      }
    },
    is: (bytes, at) => bytes.readInt32BE(at) === first && bytes.readInt32BE(at + 4) === second,
  };
}
