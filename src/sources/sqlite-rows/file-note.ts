import { statSync } from 'node:fs';

/**
 * Which file a database is, and which write-ahead log others go on with that have it open. SQLite removes that one when the last of them closes
 * it: where both are the same later, nobody put another file in their place meanwhile. How often its header says that it was changed
 * tells nothing: with a log that is not counted.
 */
export interface FileNote {
  /** `device:inode:birth`. */
  readonly file: string;
  /** The same. */
  readonly log: string;
}

/** `null`: nobody has it open. Cost: two stats. */
export function noteOfFile(file: string): FileNote | null {
  const [id, log] = [idOf(file), idOf(`${file}-wal`)];
  return id === null || log === null ? null : { file: id, log };
}

export function isSameNote(a: FileNote | null, b: FileNote | null): boolean {
  return a !== null && a.file === b?.file && a.log === b.log;
}

function idOf(file: string): string | null {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`;
}
