import type { Result } from '../result.ts';

/**
 * A folder tree on a disk, as much of it as a source needs. Paths are relative, slash-separated, in the disk's own
 * spelling; `''` is the root. No method ever touches anything outside the root: `..`, absolute paths, and links in
 * the tree that were not passed to `follow` are refused as `outside`.
 *
 * What a disk may answer at any time is a `Result`; what throws is a bug, or the end of the process in a simulation.
 */
export interface FileTree {
  /** Whether the disk keeps an executable bit. */
  readonly keepsModes: boolean;

  /**
   * All that stands at and under `under` (default: the root), in no order, folders included. Synchronous, because
   * that is several times faster in bulk: about 5 µs an entry. An unreadable folder is listed, and its content is
   * unknown.
   */
  scan(options?: ScanOptions): TreeScan;

  /** One entry without following it (unless `follow` lists it); `missing` is a problem like others. */
  stat(path: string): Result<FileStat, FileProblem>;

  /** The bytes of a file from an offset to its end. `changed` where it was written to meanwhile. */
  read(path: string, from?: number): Promise<Result<FileRead, FileProblem>>;

  /**
   * These files will be read soon, whole and in this order: they may be read before that, where it is quicker. What was
   * said before is forgotten.
   */
  readAhead?(files: readonly { readonly path: string; readonly size: number }[]): void;

  /** The target of a link, as it was written. */
  readLink(path: string): Result<string, FileProblem>;

  /**
   * Puts a whole file in place atomically, its bytes durable: temporary file in the same folder, fsync, rename.
   * `changed` where what stands there is not `expected` (`null`: nothing) any more. The new name is durable after
   * `flush`. Without `mode` the old file's is kept; a new file is private (0600).
   */
  write(path: string, body: Uint8Array, options: WriteOptions): Promise<Result<FileStat, FileProblem>>;

  /**
   * Appends durably in place: who has the file open keeps seeing it. `changed` where it is not as `expected`; then
   * nothing was written, or someone else appended at the same time and both pieces stand there.
   */
  extend(path: string, tail: Uint8Array, expected: FileStat, options?: TimeOption): Promise<Result<FileStat, FileProblem>>;

  /** Puts a symbolic link in place of `expected`. The target is the caller's to check. */
  writeLink(path: string, target: string, expected: FileStat | null): Promise<Result<FileStat, FileProblem>>;

  /** Removes a file or link. `changed` where it is not as `expected`. */
  remove(path: string, expected: FileStat): Promise<Result<null, FileProblem>>;

  /** Makes a folder and those above it, private (0700) where new. One that exists is fine. */
  makeFolder(path: string): Promise<Result<null, FileProblem>>;

  /** Removes a folder if it is empty: `in-the-way` if not. */
  removeFolder(path: string): Promise<Result<null, FileProblem>>;

  /** Makes all names written, removed and made since the last flush durable. */
  flush(): Promise<Result<null, FileProblem>>;

  /** What a link leads to, through other links: a file, or a folder that neither lies in the tree nor holds it; else `null`. */
  leadsTo(path: string): 'file' | 'folder' | null;

  /**
   * From now on exactly these links are treated as what they point to, wherever that is; but removing one, or putting a
   * link in its place, is about the link itself, and one that leads nowhere (any more) is a link. Only links that the
   * local user made may be listed.
   */
  follow(links: ReadonlySet<string>): void;

  /** How the disk folds names; tried out once in the root, where it can be written to. */
  folds(): Promise<Folding>;

  /** Reports changed paths until closed. A report may come too often or name too much, and a lost one is possible. */
  watch(onChange: (change: TreeChange) => void, options?: ScanOptions): TreeWatch;
}

export interface ScanOptions {
  readonly under?: string;
  /** False for a folder whose content is of no interest. */
  readonly enters?: (folder: string) => boolean;
}

export interface TreeScan {
  /** Identity of the root folder, which changes when another is mounted or put in its place; `null`: there is none. */
  readonly root: string | null;
  readonly entries: ReadonlyMap<string, FileStat>;
  /** Entries and folders that exist and could not be looked at. */
  readonly unreadable: readonly { readonly path: string; readonly problem: FileProblem }[];
}

export interface FileStat {
  readonly type: 'file' | 'link' | 'folder' | 'other';
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  /** Permission bits. */
  readonly mode: number;
}

export interface FileRead {
  readonly bytes: Uint8Array;
  /** Taken before the first byte, and still true after the last. */
  readonly stat: FileStat;
  /** Milliseconds since 1970 before it was looked at, where that was not just now. */
  readonly readAt?: number;
}

export interface TimeOption {
  /** Milliseconds since 1970 that the file says it was modified at; the present where absent. */
  readonly modifiedAt?: number;
}

export interface WriteOptions extends TimeOption {
  readonly expected: FileStat | null;
  readonly mode?: number;
}

export interface Folding {
  /** `A` and `a` are one name. */
  readonly case: boolean;
  /** The composed and the decomposed form of a letter are one name. */
  readonly unicode: boolean;
}

/** Paths relative to the root, or `all` where the watcher cannot tell. */
export type TreeChange = { readonly type: 'paths'; readonly paths: readonly string[] } | { readonly type: 'all' };

export interface TreeWatch {
  /** Looks for folders that came or went unnoticed. Call after a full scan. O(folders). */
  refresh(): void;
  /** Resolves once all changes made before the call were reported; to `false` where there is no telling. */
  settle(): Promise<boolean>;
  /** Why changes may go unnoticed until the next scan; `null`: all is watched. */
  problem(): string | null;
  close(): void;
}

export interface FileProblem {
  readonly type:
    | 'changed'
    | 'missing'
    | 'no-access'
    | 'full'
    | 'read-only'
    /** A file where a folder is needed, or a folder where a file is. */
    | 'in-the-way'
    | 'outside'
    | 'io';
  readonly message: string;
}

/** Names that begin so are unfinished writes: never captured, removed at start. */
export const TEMPORARY_PREFIX = '.satchel-tmp-';

export function isTemporary(path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith(TEMPORARY_PREFIX);
}

/** The same entry, untouched in between as far as a disk can tell. */
export function sameStat(a: FileStat, b: FileStat): boolean {
  return (
    a.type === b.type && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino && a.mode === b.mode
  );
}
