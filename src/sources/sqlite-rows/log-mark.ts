import { statSync } from 'node:fs';

/** Which files SQLite has beside a database that keeps a write-ahead log: `device:inode`; `null`: there is none. */
export interface LogMark {
  readonly wal: string | null;
  /** What all connections share of what they know of the log. */
  readonly shm: string | null;
}

/** Which files a database, its log and their memory are, by what `markOfLog` gives. */
export function partsOf(identity: string, mark: LogMark | null): ReadonlyMap<string, 'database' | 'wal' | 'shm'> {
  const parts = new Map<string, 'database' | 'wal' | 'shm'>([[identity, 'database']]);
  if (mark?.wal != null) parts.set(mark.wal, 'wal');
  if (mark?.shm != null) parts.set(mark.shm, 'shm');
  return parts;
}

/** Cost: two stats. */
export function markOfLog(file: string): LogMark {
  return { wal: idOf(`${file}-wal`), shm: idOf(`${file}-shm`) };
}

/**
 * How the files stand beside a database that is open. SQLite itself removes them only when nobody has it open. What is in the log tells
 * nothing: its salts are counted on or random, whoever begins it anew.
 */
export type LogStanding =
  | { readonly type: 'same' }
  /** The log was deleted or replaced: the connection, and whoever shares its memory, go on with the one that has no name any more. */
  | { readonly type: 'nameless'; readonly isShared: boolean }
  /** Its memory was taken away: the log may have been written over, and others begin another memory of it. */
  | { readonly type: 'lost' };

/** @param before what the connection that asks has open. Cost: two stats. */
export function standingOfLog(file: string, before: LogMark): LogStanding {
  const now = markOfLog(file);
  if (now.wal !== before.wal) return { type: 'nameless', isShared: now.shm === before.shm };
  return { type: now.shm === before.shm ? 'same' : 'lost' };
}

function idOf(file: string): string | null {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}
