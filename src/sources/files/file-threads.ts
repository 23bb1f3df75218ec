import type { FileProblem, FileRead, FileStat, WriteOptions } from '../../core/ports/files.ts';
import type { Result } from '../../core/result.ts';
import type { Place } from './node-place.ts';

/** A file as another thread read it. */
export interface AheadRead extends FileRead {
  readonly sha256: Uint8Array;
  readonly readAt: number;
}

/** Where many files are written or read at once, other threads do it while this one goes on. */
export interface FileThreads {
  /** As `writeTreeFile` does, and which folders' names are not durable then. Rejects where the thread failed on the way. */
  write(place: Place, path: string, body: Uint8Array, options: WriteOptions): Promise<ThreadWrite>;
  /** Begins to read these files in this order. Those that did not come are to be read here. */
  read(place: Place, paths: readonly string[]): Promise<readonly Result<AheadRead, FileProblem>[]>;
}

export interface ThreadWrite {
  readonly written: Result<FileStat, FileProblem>;
  readonly dirty: ReadonlySet<string>;
}
