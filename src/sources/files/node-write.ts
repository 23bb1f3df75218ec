import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  openSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { sameStat, TEMPORARY_PREFIX, type FileProblem, type FileStat, type TimeOption, type WriteOptions } from '../../core/ports/files.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { bytesToHex } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { LARGE_IF_THERE, locate, locateItself, statItself, statPath, toFileStat, type Place } from './node-place.ts';
import { problemOf } from './node-problem.ts';

const fsyncAsync = promisify(fsync);
const writeAsync = promisify(write);
const SYNC_BELOW = 256 * 1024;
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;

/** What the mutations of one tree share; `dirty` are folders whose names are not durable yet. */
export interface Writing {
  readonly place: Place;
  readonly random: Random;
  readonly dirty: Set<string>;
}

/** See {@link FileTree.write}. */
export function writeTreeFile(on: Writing, path: string, body: Uint8Array, options: WriteOptions): Promise<Result<FileStat, FileProblem>> {
  return replace(on, path, locate(on.place, path), options.expected, async (temporary) => {
    const fd = openNew(temporary);
    try {
      await writeAll(fd, body);
      dress(fd, options);
      await fsyncAsync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/** A new private file, to write to. Throws. */
export function openNew(temporary: string): number {
  return openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW, 0o600);
}

/** Gives an open new file its permissions and time. Throws. */
export function dress(fd: number, options: WriteOptions): void {
  const mode = options.mode ?? (options.expected?.type === 'file' ? options.expected.mode : 0o600);
  if (mode !== 0o600) fchmodSync(fd, mode);
  setTime(fd, options);
}

/** See {@link FileTree.writeLink}. */
export function writeTreeLink(
  on: Writing,
  path: string,
  target: string,
  expected: FileStat | null,
): Promise<Result<FileStat, FileProblem>> {
  const itself = locateItself(on.place, path);
  const make = (temporary: string): Promise<void> => Promise.resolve(symlinkSync(target, temporary));
  if (!on.place.followed.has(path)) return replace(on, path, itself, expected, make);
  // Not what a followed link leads to is replaced, but the link.
  const there = statPath(on.place, path);
  const link = statItself(on.place, path);
  if (expected === null || !there.ok || !link.ok || !sameStat(there.value, expected)) return Promise.resolve(fail(changed(path)));
  return replace(on, path, itself, link.value, make);
}

/** See {@link FileTree.extend}. */
export async function extendTreeFile(
  on: Writing,
  path: string,
  tail: Uint8Array,
  expected: FileStat,
  options: TimeOption = {},
): Promise<Result<FileStat, FileProblem>> {
  const real = locate(on.place, path);
  if (!real.ok) return real;
  let fd: number;
  try {
    // O_APPEND: should a session append at this moment, both pieces stand, and neither lies over the other.
    fd = openSync(real.value, constants.O_WRONLY | constants.O_APPEND | NO_FOLLOW);
  } catch (error) {
    return fail(problemOf(error, path));
  }
  let written = 0;
  try {
    if (!sameStat(toFileStat(fstatSync(fd, { bigint: true })), expected)) return fail(changed(path));
    await writeAll(fd, tail, (count) => (written = count));
    setTime(fd, options);
    await fsyncAsync(fd);
    const after = toFileStat(fstatSync(fd, { bigint: true }));
    return after.size === expected.size + tail.length ? ok(after) : fail(changed(path));
  } catch (error) {
    const problem = problemOf(error, path);
    // A full disk: take back the piece that fitted, unless someone wrote after it.
    if (written > 0 && fstatSync(fd).size === expected.size + written) ftruncateSync(fd, expected.size);
    return fail(problem);
  } finally {
    closeSync(fd);
  }
}

/** See {@link FileTree.remove}. */
export function removeTreeFile(on: Writing, path: string, expected: FileStat): Result<null, FileProblem> {
  const real = locate(on.place, path);
  const itself = locateItself(on.place, path);
  if (!real.ok) return real;
  if (!itself.ok) return itself;
  try {
    if (!stands(real.value, expected)) return fail(changed(path));
    unlinkSync(itself.value);
    on.dirty.add(dirname(itself.value));
    return ok(null);
  } catch (error) {
    return fail(problemOf(error, path));
  }
}

/** Makes a temporary sibling, and moves it into place if what stands there is still `expected`. */
async function replace(
  on: Writing,
  path: string,
  real: Result<string, FileProblem>,
  expected: FileStat | null,
  make: (temporary: string) => Promise<void>,
): Promise<Result<FileStat, FileProblem>> {
  if (!real.ok) return real;
  const beside = { path, real: real.value, temporary: temporaryBeside(on, path, real.value), expected };
  try {
    await make(beside.temporary);
  } catch (error) {
    return fail(giveUp(beside, error));
  }
  return moveIntoPlace(on, beside);
}

/** A finished temporary file, and where it is to go. */
export interface Beside {
  readonly path: string;
  readonly real: string;
  readonly temporary: string;
  readonly expected: FileStat | null;
}

/** Where a file is written before it takes its place. */
export function temporaryBeside(on: Writing, path: string, real: string): string {
  // Beside what a followed link leads to nobody looks for unfinished writes: the next write of the same file does.
  const isElsewhere = on.place.followed.has(path);
  const word = isElsewhere ? sha256Hex(path).slice(0, 16) : bytesToHex(on.random.bytes(8));
  const temporary = join(dirname(real), TEMPORARY_PREFIX + word);
  if (isElsewhere) removeIfThere(temporary);
  return temporary;
}

/** If what stands there is still `expected`; else the temporary file goes. */
export function moveIntoPlace(on: Writing, beside: Beside): Result<FileStat, FileProblem> {
  const { path, real, temporary, expected } = beside;
  try {
    const made = lstatSync(temporary, { bigint: true });
    if (!stands(real, expected)) {
      unlinkSync(temporary);
      return fail(changed(path));
    }
    renameSync(temporary, real);
    on.dirty.add(dirname(real));
    const after = lstatSync(real, { bigint: true });
    if (after.ino !== made.ino) return fail(changed(path));
    // Someone wrote into our file since: it was in place, and theirs came after it, so the stat is that of ours.
    return ok(toFileStat(after.mtimeNs === made.mtimeNs && after.size === made.size ? after : made));
  } catch (error) {
    return fail(giveUp(beside, error));
  }
}

/** The temporary file goes, and the problem is the file's. */
export function giveUp({ path, temporary }: Pick<Beside, 'path' | 'temporary'>, error: unknown): FileProblem {
  const problem = problemOf(error, path);
  removeIfThere(temporary);
  return problem;
}

function setTime(fd: number, { modifiedAt }: TimeOption): void {
  if (modifiedAt !== undefined) futimesSync(fd, modifiedAt / 1000, modifiedAt / 1000);
}

function stands(real: string, expected: FileStat | null): boolean {
  const stat = lstatSync(real, LARGE_IF_THERE);
  return stat === undefined ? expected === null : expected !== null && sameStat(toFileStat(stat), expected);
}

function removeIfThere(real: string): void {
  try {
    unlinkSync(real);
  } catch (error) {
    // What cannot be removed now is removed at the next start; the first problem is the one to report.
    problemOf(error, real);
  }
}

async function writeAll(fd: number, body: Uint8Array, onWritten?: (count: number) => void): Promise<void> {
  let done = 0;
  while (done < body.length) {
    done +=
      body.length < SYNC_BELOW
        ? writeSync(fd, body, done, body.length - done)
        : (await writeAsync(fd, body, done, body.length - done)).bytesWritten;
    onWritten?.(done);
  }
}

function changed(path: string): FileProblem {
  return { type: 'changed', message: `${JSON.stringify(path)} is not what it was` };
}
