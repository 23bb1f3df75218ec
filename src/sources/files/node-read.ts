import { closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { FileProblem, FileRead } from '../../core/ports/files.ts';
import { sameStat } from '../../core/ports/files.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { locate, toFileStat, type Place } from './node-place.ts';
import { problemOf } from './node-problem.ts';

const readAsync = promisify(read);
/** Below it a synchronous read costs less than the trip through the thread pool. */
const SYNC_BELOW = 256 * 1024;
const STEP = 8 * 1024 * 1024;
// Links are refused; a pipe must not block the open.
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** See {@link FileTree.read}. */
export async function readTreeFile(
  place: Place,
  path: string,
  from: number,
  allocate: (length: number) => Buffer = (length) => Buffer.allocUnsafeSlow(length),
): Promise<Result<FileRead, FileProblem>> {
  const real = locate(place, path);
  if (!real.ok) return real;
  let fd: number;
  try {
    fd = openSync(real.value, FLAGS);
  } catch (error) {
    return fail(problemOf(error, path));
  }
  try {
    const stat = toFileStat(fstatSync(fd, { bigint: true }));
    if (stat.type !== 'file') return fail({ type: 'in-the-way', message: `${JSON.stringify(path)} is not a file` });
    const bytes = allocate(Math.max(0, stat.size - from));
    let filled = 0;
    while (filled < bytes.length) {
      const length = Math.min(STEP, bytes.length - filled);
      const count =
        bytes.length < SYNC_BELOW
          ? readSync(fd, bytes, filled, length, from + filled)
          : (await readAsync(fd, bytes, filled, length, from + filled)).bytesRead;
      if (count === 0) break;
      filled += count;
    }
    const after = toFileStat(fstatSync(fd, { bigint: true }));
    if (filled < bytes.length || !sameStat(stat, after)) {
      return fail({ type: 'changed', message: `${JSON.stringify(path)} changed while it was read` });
    }
    return ok({ bytes, stat });
  } catch (error) {
    return fail(problemOf(error, path));
  } finally {
    closeSync(fd);
  }
}
