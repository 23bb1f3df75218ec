import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** Which files SQLite has beside a database that keeps a write-ahead log, and which log that is. */
export interface LogMark {
  /** `device:inode` of `-wal` and `-shm`; `null`: there is none. */
  readonly wal: string | null;
  readonly shm: string | null;
  /** When the log was written, and its length: the same says that its header is. */
  readonly written: string;
  readonly header: LogHeader | null;
}

/** Of a log's header (https://sqlite.org/fileformat2.html#walformat): what counts on each time that the log begins anew. */
interface LogHeader {
  readonly restarts: number;
  /** A random number at first. */
  readonly first: number;
  /** A random number each time. */
  readonly second: number;
}

const HEADER_BYTES = 32;

/** `before`: a mark of the same database, which saves a look where nothing was written. Cost: two stats, and after a write the reading of 32 bytes. */
export function markOfLog(file: string, before: LogMark | null = null): LogMark {
  const [wal, shm] = [statOf(`${file}-wal`), statOf(`${file}-shm`)];
  const written = wal === undefined ? '' : `${wal.mtimeNs}:${wal.ctimeNs}:${wal.size}`;
  const known = before?.wal === idOf(wal) && before.written === written;
  return { wal: idOf(wal), shm: idOf(shm), written, header: known ? before.header : readHeader(`${file}-wal`) };
}

/** How the files stand beside a database that is open. SQLite itself removes them only when nobody has it open. */
export type LogStanding =
  | { readonly type: 'same'; readonly mark: LogMark }
  /** The log was deleted or replaced: the connection, and whoever shares its memory, go on with the one that has no name any more. */
  | { readonly type: 'nameless'; readonly isShared: boolean }
  /** Its memory was taken away, or the log was written over: what the connection would read and write is not what it looks for. */
  | { readonly type: 'lost' };

/** @param before what the connection that asks has open. Cost: as of {@link markOfLog}. */
export function standingOfLog(file: string, before: LogMark): LogStanding {
  const now = markOfLog(file, before);
  if (now.wal !== before.wal) return { type: 'nameless', isShared: now.shm === before.shm };
  if (now.shm !== before.shm) return { type: 'lost' };
  // It may be cut to nothing, and begins anew where it was.
  if (now.header === null) return { type: 'same', mark: { ...now, header: before.header } };
  return before.header === null || isNext(before.header, now.header) ? { type: 'same', mark: now } : { type: 'lost' };
}

function isNext(before: LogHeader, now: LogHeader): boolean {
  const restarts = (now.restarts - before.restarts) >>> 0;
  if (restarts === 0) return now.first === before.first && now.second === before.second;
  return restarts < 2 ** 31 && now.first === (before.first + restarts) >>> 0;
}

/** Its locks do not lie on the log: closing it gives none of them up. */
function readHeader(log: string): LogHeader | null {
  let opened: number;
  try {
    opened = openSync(log, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(HEADER_BYTES);
    if (readSync(opened, bytes, 0, HEADER_BYTES, 0) < HEADER_BYTES) return null;
    return { restarts: bytes.readUInt32BE(12), first: bytes.readUInt32BE(16), second: bytes.readUInt32BE(20) };
  } finally {
    closeSync(opened);
  }
}

type Found = { readonly dev: bigint; readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint; readonly ctimeNs: bigint };

function statOf(file: string): Found | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false });
}

function idOf(stat: Found | undefined): string | null {
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}
