import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { FRAME_HEADER, WAL_HEADER } from './wal-frames.ts';

/** What SQLite has of a database that keeps a write-ahead log: `shm` is the memory of the log that all who have it open share. */
export type DatabasePart = 'database' | 'wal' | 'shm';

/** Which part of some database a file is by how it begins (https://sqlite.org/fileformat2.html, https://sqlite.org/walformat.html); `null`: none, or it cannot be told. */
export function partOf(file: string): DatabasePart | null {
  const begin = readBegin(file, 16);
  if (begin === null || begin.length < 16) return null;
  if (begin.toString('latin1') === 'SQLite format 3\0') return 'database';
  if ((begin.readUInt32BE(0) | 1) === 0x37_7f_06_83) return 'wal';
  return begin.readUInt32LE(0) === INDEX_VERSION || begin.readUInt32BE(0) === INDEX_VERSION ? 'shm' : null;
}

/** How SQLite's memory of a log begins: two copies of what it says, and how much was copied back. Numbers are in the machine's own order. */
const INDEX_VERSION = 3_007_000;
const INDEX_COPY = 48;
const INDEX_BYTES = 2 * INDEX_COPY + 4;
const TRIES = 5;

/**
 * Whether a log is the one that those go on with who share this memory of it: false where it was written over, or cut, and something of it is
 * still to be read. This process must not have the database open: closing the memory's file gives up SQLite's locks on it. Some reads.
 */
export function fitsMemory(wal: string, shm: string): boolean {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const before = readBegin(shm, INDEX_BYTES);
    if (before === null || before.length < INDEX_BYTES) return true; // nobody goes on with it
    const fits = fitsIndex(wal, before);
    const after = readBegin(shm, INDEX_BYTES);
    // Else it was written meanwhile.
    if (fits || after?.equals(before) === true) return fits;
  }
  return true;
}

/** Whether a log is that of which this is the memory, by what both begin with. As of {@link fitsMemory}. */
export function isLogOf(wal: string, shm: string): boolean {
  const [header, index] = [readBegin(wal, WAL_HEADER), readBegin(shm, INDEX_BYTES)];
  if (header?.length !== WAL_HEADER || index?.length !== INDEX_BYTES || index[12] === 0) return false;
  return header.subarray(16, 24).equals(index.subarray(32, 40));
}

function fitsIndex(wal: string, index: Buffer): boolean {
  const isBegun = index[12] !== 0 && index.subarray(0, INDEX_COPY).equals(index.subarray(INDEX_COPY, 2 * INDEX_COPY));
  const number = (at: number): number => (isLittle ? index.readUInt32LE(at) : index.readUInt32BE(at));
  const isLittle = index.readUInt32LE(0) === INDEX_VERSION;
  const [last, copied] = [number(16), number(2 * INDEX_COPY)];
  if (!isBegun || last === 0 || copied >= last) return true;
  const size = isLittle ? index.readUInt16LE(14) : index.readUInt16BE(14);
  const page = (size & 0xfe00) | ((size & 1) << 16);
  const salts = index.subarray(32, 40);
  const [header, frame] = [readAt(wal, 0, WAL_HEADER), readAt(wal, WAL_HEADER + (last - 1) * (FRAME_HEADER + page), FRAME_HEADER)];
  return (
    header.subarray(16, 24).equals(salts) &&
    frame.subarray(8, 16).equals(salts) &&
    frame.length === FRAME_HEADER &&
    frame.readUInt32BE(16) === number(24) &&
    frame.readUInt32BE(20) === number(28)
  );
}

function readBegin(file: string, length: number): Buffer | null {
  try {
    return readAt(file, 0, length);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It is gone by now, nothing that can be read, or not ours to read.
    if (code !== undefined && ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return null;
    throw error;
  }
}

/** As many bytes as there are; none of what is no file: what else a process has open must not be waited for. */
function readAt(file: string, position: number, length: number): Buffer {
  if (!statSync(file).isFile()) return Buffer.alloc(0);
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
  } finally {
    closeSync(descriptor);
  }
}
