import Database from 'better-sqlite3';

/** A connection of this thread that stays open. */
export interface Connection {
  /** Whether it has what stands at the database's path. */
  isCurrent(): boolean;
  /** Whether it was asked before if that may be opened, and all of it is the very files that were opened then. */
  isAsAllowed(): boolean;
  /** What it has open, by `device:inode`. */
  parts(): ReadonlyMap<string, 'database' | 'wal' | 'shm'>;
  close(): void;
}

const connections = new Map<string, Set<Connection>>();

export function noteOpen(file: string, connection: Connection): void {
  const of = connections.get(file) ?? new Set();
  connections.set(file, of.add(connection));
}

export function noteClosed(file: string, connection: Connection): void {
  const of = connections.get(file);
  of?.delete(connection);
  if (of?.size === 0) connections.delete(file);
}

/** Whether this thread has what stands at a database's path open. Cost: three stats. */
export function isOpenHere(file: string): boolean {
  return [...(connections.get(file) ?? [])].some((connection) => connection.isCurrent());
}

/**
 * Whether this thread was allowed to open what stands at a database's path, and has it open: no other process can have come by something else
 * there since. Cost: three stats.
 */
export function isAllowedHere(file: string): boolean {
  return [...(connections.get(file) ?? [])].some((connection) => connection.isAsAllowed());
}

/** What this thread has open of a database, whatever stands at its names by now, by `device:inode`. */
export function partsOpenHere(file: string): ReadonlyMap<string, 'database' | 'wal' | 'shm'> {
  return new Map([...(connections.get(file) ?? [])].flatMap((connection) => [...connection.parts()]));
}

/**
 * Closes all connections of this thread to a database whose files were replaced under them, and changes nothing by it. The last one to close
 * would copy back the log that it knows, from a file that has other pages by now, and delete it; none is the last while somebody reads, and
 * who may only read copies nothing back. Within one process SQLite's connections share what they know of a log: one that stayed open would
 * give it to those that are opened anew.
 *
 * @param isHeld another process has the database open, so that none here is the last.
 */
export function abandon(file: string, isHeld = false): void {
  const open = [...(connections.get(file) ?? [])];
  if (open.length === 0) return;
  const guard = isHeld ? null : new Database(file, { readonly: true, fileMustExist: true, timeout: 0 });
  try {
    try {
      guard?.exec('BEGIN; SELECT 1 FROM sqlite_master');
    } catch {
      // What it reads is not what it looks for. It has its lock.
    }
    for (const connection of open) connection.close();
  } finally {
    guard?.close();
  }
}
