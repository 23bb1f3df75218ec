import { rememberBodySha256 } from '../../core/crypto/body-hash.ts';
import type { FileProblem, FileRead } from '../../core/ports/files.ts';
import type { Result } from '../../core/result.ts';
import type { AheadRead, FileThreads } from './file-threads.ts';
import type { Place } from './node-place.ts';

export interface ExpectedFile {
  readonly path: string;
  /** As far as is known. */
  readonly size: number;
}

/** Files read by other threads before they are asked for. */
export interface AheadReads {
  expect(files: readonly ExpectedFile[]): void;
  /** The file, if it was expected and could be read: `null` where it is to be read now. */
  take(path: string): Promise<FileRead | null>;
}

/** Read as one. */
const AT_ONCE = { files: 64, bytes: 2 * 1024 * 1024 };
/** What is on its way, or waits to be taken; but for one portion, however large. */
const AHEAD_BYTES = 32 * 1024 * 1024;
const PORTIONS = 4;

interface Portion {
  /** What is left to be taken: once, since who asks again wants to know how it is now. */
  readonly paths: Map<string, number>;
  readonly bytes: number;
  readonly read: Promise<readonly Result<AheadRead, FileProblem>[]>;
}

/** From here on files are read beside the small ones, which do not wait for them. */
const LARGE_BYTES = 1024 * 1024;

/** Small and large files in a lane each. Memory: twice 32 MiB, or one file for a lane. */
export function createLanes(place: Place, threads: FileThreads): AheadReads {
  const [small, large] = [createAheadReads(place, threads), createAheadReads(place, threads)];
  return {
    expect(files) {
      large.expect(files.filter(({ size }) => size >= LARGE_BYTES));
      small.expect(files.filter(({ size }) => size < LARGE_BYTES));
    },
    take: async (path) => (await small.take(path)) ?? large.take(path),
  };
}

/** Memory: 32 MiB, or one file. */
export function createAheadReads(place: Place, threads: FileThreads): AheadReads {
  let expected: readonly ExpectedFile[] = [];
  let next = 0;
  let portions: Portion[] = [];

  function goOn(): void {
    for (;;) {
      const underway = portions.reduce((sum, { bytes }) => sum + bytes, 0);
      const size = expected[next]?.size;
      if (size === undefined || portions.length >= PORTIONS || (portions.length > 0 && underway + size > AHEAD_BYTES)) return;
      portions.push(begin());
    }
  }

  function begin(): Portion {
    const paths = new Map<string, number>();
    let bytes = 0;
    do {
      const file = expected[next] as ExpectedFile;
      paths.set(file.path, paths.size);
      bytes += file.size;
      next += 1;
    } while (next < expected.length && paths.size < AT_ONCE.files && bytes + (expected[next]?.size ?? 0) <= AT_ONCE.bytes);
    // Where the thread fails, each is read when it is asked for.
    return { paths, bytes, read: threads.read(place, [...paths.keys()]).catch(() => []) };
  }

  return {
    expect(files) {
      expected = files;
      next = 0;
      portions = [];
      goOn();
    },
    async take(path) {
      const at = portions.findIndex(({ paths }) => paths.has(path));
      const portion = portions[at];
      const index = portion?.paths.get(path);
      if (portion === undefined || index === undefined) return null;
      portion.paths.delete(path);
      // Those before it were passed over, and what was taken makes room.
      portions = portions.slice(portion.paths.size > 0 ? at : at + 1);
      goOn();
      const read = (await portion.read)[index];
      if (read?.ok !== true) return null;
      const { sha256, ...file } = read.value;
      rememberBodySha256(file.bytes, sha256);
      return file;
    },
  };
}
