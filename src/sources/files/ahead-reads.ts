import { rememberBodySha256 } from '../../core/crypto/body-hash.ts';
import type { FileProblem, FileRead } from '../../core/ports/files.ts';
import type { Result } from '../../core/result.ts';
import type { AheadRead, FileThreads } from './file-threads.ts';
import type { Place } from './node-place.ts';

/** Files read by other threads before they are asked for. */
export interface AheadReads {
  expect(paths: readonly string[]): void;
  /** The file, if it was expected and could be read: `null` where it is to be read now. */
  take(path: string): Promise<FileRead | null>;
}

/** Read as one. */
const AT_ONCE = 64;
/** So many portions are on their way, or wait to be taken. */
const PORTIONS = 4;

interface Portion {
  /** What is left to be taken: once, since who asks again wants to know how it is now. */
  readonly paths: Map<string, number>;
  readonly read: Promise<readonly Result<AheadRead, FileProblem>[]>;
}

/** Memory: what 256 files hold. */
export function createAheadReads(place: Place, threads: FileThreads): AheadReads {
  let expected: readonly string[] = [];
  let next = 0;
  let portions: Portion[] = [];

  function goOn(): void {
    while (portions.length < PORTIONS && next < expected.length) {
      const paths = expected.slice(next, next + AT_ONCE);
      next += paths.length;
      // Where the thread fails, each is read when it is asked for.
      const read = threads.read(place, paths).catch(() => []);
      portions.push({ paths: new Map(paths.map((path, index) => [path, index])), read });
    }
  }

  return {
    expect(paths) {
      expected = paths;
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
      // Those before it were passed over.
      portions = portions.slice(at);
      goOn();
      const read = (await portion.read)[index];
      if (read?.ok !== true) return null;
      const { sha256, ...file } = read.value;
      rememberBodySha256(file.bytes, sha256);
      return file;
    },
  };
}
