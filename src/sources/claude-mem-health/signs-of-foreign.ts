import { closeSync, constants, copyFileSync, fstatSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lookAtState, type State } from './mem-state.ts';
import { FRAME_HEADER, pagePosition, readWalFrames, WAL_HEADER, type WalFrames } from './wal-frames.ts';
import { findStart, type WalStart } from './wal-start.ts';

/**
 * Why the write-ahead log beside a database cannot be its own; `null` where nothing speaks against it. A log does not say whose it is. But
 * one's own goes on from what the database is: it was made of it one transaction after the other. So the states are compared: the database
 * without its log, with the next transaction of it, and with all. What an older log of the same database only edits back is not
 * told from edits. Looks at copies; both files stay as they are. Nobody in this process may
 * have the database open: closing a file gives up SQLite's locks on it. Cost: O(bytes of both), some milliseconds a megabyte.
 */
export function signOfForeignWal(file: string): string | null {
  const [database, log] = [openSync(file, 'r'), openSync(`${file}-wal`, 'r')];
  try {
    const frames = readWalFrames(log);
    if (frames === null || frames.commits.length === 0) return null; // nothing of it is played
    const first = readFirst(database, frames.pageSize);
    if (first === null) return null; // all that there is is in the log
    if (first.pageSize !== frames.pageSize) return `its pages have ${frames.pageSize} bytes, and those of the database ${first.pageSize}`;
    const start = findStart(database, log, frames);
    const next = frames.commits.find(({ frame }) => frame > start.frame);
    // Where it changes no page, it may cut some off.
    if (next === undefined && frames.commits.at(-1)?.size === first.size) return null;
    const known = start.isMixed || next === undefined ? null : next.frame;
    return signInFirstPages(first, start, log, frames) ?? compareStates(file, known, frames);
  } finally {
    closeSync(database);
    closeSync(log);
  }
}

/** What a database's first page says of it (https://sqlite.org/fileformat2.html#the_database_header). */
interface FirstPage {
  readonly pageSize: number;
  /** Counted on with each transaction that writes this page, and that does not have it in memory from its last. */
  readonly changes: number;
  /** In pages. */
  readonly size: number;
  /** Counted on with each change of the tables. */
  readonly cookie: number;
  /** Pages at its end may be cut off at any time. */
  readonly shrinks: boolean;
}

const DATABASE_HEADER = 100;

function readFirst(database: number, pageSize: number): FirstPage | null {
  if (fstatSync(database).size < pageSize) return null;
  return parseFirst(readAt(database, 0));
}

/** The first page goes on from what it is in the database, or is one of those that the log has. */
function signInFirstPages(first: FirstPage, { firstPage }: WalStart, log: number, { pages, pageSize, commits }: WalFrames): string | null {
  const at = (index: number): FirstPage | null => (index === -1 ? null : parseFirst(readAt(log, pagePosition(index + 1, pageSize))));
  const [next, last] = [at(pages.indexOf(1, firstPage)), at(pages.lastIndexOf(1))];
  if (last !== null && isBehind(last.cookie, first.cookie)) return 'its tables are those of an older state';
  if (next !== null) {
    if (isBehind(next.cookie, first.cookie)) return 'it begins with tables of an older state';
    const step = (next.changes - first.changes) >>> 0;
    if (step > 1) return `it begins at change ${next.changes}, and the database is at change ${first.changes}`;
  }
  const size = commits.find(({ frame }) => frame > firstPage)?.size ?? first.size;
  const isCut = first.shrinks || (next !== null && next.cookie !== first.cookie);
  return size < first.size && !isCut ? `it begins with ${size} pages, and the database has ${first.size}` : null;
}

function readAt(file: number, position: number): Buffer {
  const bytes = Buffer.alloc(DATABASE_HEADER);
  readSync(file, bytes, 0, DATABASE_HEADER, position);
  return bytes;
}

function parseFirst(bytes: Buffer): FirstPage {
  const pageSize = bytes.readUInt16BE(16);
  return {
    pageSize: pageSize === 1 ? 65_536 : pageSize,
    changes: bytes.readUInt32BE(24),
    size: bytes.readUInt32BE(28),
    cookie: bytes.readUInt32BE(40),
    shrinks: bytes.readUInt32BE(52) !== 0,
  };
}

/** Of numbers of 32 bits that begin again. */
function isBehind(number: number, other: number): boolean {
  return ((number - other) | 0) < 0;
}

/** @param next the frame that ends the first transaction that is new to the database; `null`: nobody knows which that is. */
function compareStates(file: string, next: number | null, { pages, pageSize, commits }: WalFrames): string | null {
  const folder = mkdtempSync(path.join(tmpdir(), 'satchel-wal-'));
  try {
    const copy = path.join(folder, 'copy.db');
    copyFileSync(file, copy, constants.COPYFILE_FICLONE);
    const stateAt = (frame: number): State => {
      rmSync(`${copy}-shm`, { force: true });
      copyFileSync(`${file}-wal`, `${copy}-wal`);
      if (frame < pages.length) cutLog(`${copy}-wal`, WAL_HEADER + frame * (FRAME_HEADER + pageSize));
      return lookAtState(copy);
    };
    const without = lookAtState(copy);
    if (without.tables === 0) return null; // all of it is in the log still
    const all = stateAt(pages.length);
    const sign = damageOf(without, all) ?? signInAll(without, all);
    if (sign !== null || next === null || without.problem !== null || commits.at(-1)?.frame === next) return sign;
    const begun = stateAt(next);
    return damageOf(without, begun) ?? signInBeginning(without, begun, all);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function cutLog(file: string, length: number): void {
  const log = openSync(file, 'r+');
  try {
    ftruncateSync(log, length);
  } finally {
    closeSync(log);
  }
}

/** A database that is not sound by itself was being copied back into, or is damaged: nothing worse comes of its log. */
function damageOf(without: State, state: State): string | null {
  if (without.problem !== null || state.problem === null) return null;
  return `the database is sound without it, and damaged with it: ${state.problem}`;
}

/** No transaction gives a row's number to another row, or takes back numbers that were used. */
function signInAll(without: State, all: State): string | null {
  // A migration may fill a table anew.
  for (const [table, number] of without.schema === all.schema ? without.numbers : []) {
    const reached = all.numbers.get(table);
    if (reached !== undefined && reached < number) return `it takes back rows that ${table} had: the last was ${number}, and is ${reached}`;
  }
  let others = 0;
  for (const [row, { time, words }] of without.rows) {
    const other = all.rows.get(row);
    if (other !== undefined && time !== null && other.time !== time && other.words !== words) others += 1;
  }
  return others === 0 ? null : `it puts other rows in the place of ${others} of the database’s ${without.rows.size}`;
}

/** What a transaction deletes does not come again under its number. */
function signInBeginning(without: State, begun: State, all: State): string | null {
  if (begun.tables === 0) return 'it begins with a database that has no tables yet';
  let again = 0;
  for (const [row, { time, words }] of without.rows) {
    const later = all.rows.get(row);
    if (!begun.rows.has(row) && later?.time === time && later.words === words) again += 1;
  }
  return again === 0 ? null : `it begins before ${again} of the database’s ${without.rows.size} rows were there`;
}
