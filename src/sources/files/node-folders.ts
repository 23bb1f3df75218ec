import { closeSync, fsync, lstatSync, mkdirSync, openSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { FileProblem } from '../../core/ports/files.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { forgetLooked, locate } from './node-place.ts';
import { problemOf } from './node-problem.ts';
import type { SyncTogether } from './sync-together.ts';
import { splitTreePath } from './tree-path.ts';
import type { Writing } from './node-write.ts';

const fsyncAsync = promisify(fsync);

/** See {@link FileTree.makeFolder}. */
export function makeTreeFolder(on: Writing, path: string): Result<null, FileProblem> {
  const split = splitTreePath(path);
  if (!split.ok) return split;
  try {
    makeRoot(on.place.root);
    for (let depth = 1; depth <= split.value.length; depth += 1) {
      const folder = split.value.slice(0, depth).join('/');
      const real = locate(on.place, folder);
      if (!real.ok) return real;
      const stat = lstatSync(real.value, { throwIfNoEntry: false });
      if (stat === undefined) {
        mkdirSync(real.value, { mode: 0o700 });
        on.dirty.add(dirname(real.value));
      } else if (stat.isSymbolicLink()) return fail({ type: 'outside', message: `${JSON.stringify(folder)} is a link` });
      else if (!stat.isDirectory()) return fail({ type: 'in-the-way', message: `${JSON.stringify(folder)} is not a folder` });
    }
    return ok(null);
  } catch (error) {
    return fail(problemOf(error, path));
  }
}

/** Not by the recursive mkdir of Node: that never ends where nothing can be made in a folder that is there, as in /proc. */
function makeRoot(root: string): void {
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() === true) return;
  try {
    mkdirSync(root, { mode: 0o700 });
  } catch (error) {
    const above = dirname(root);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === root) throw error;
    makeRoot(above);
    mkdirSync(root, { mode: 0o700 });
  }
}

/** See {@link FileTree.removeFolder}. */
export function removeTreeFolder(on: Writing, path: string): Result<null, FileProblem> {
  const real = locate(on.place, path);
  if (!real.ok) return real;
  if (path === '' || on.place.followed.has(path)) return fail({ type: 'in-the-way', message: 'the root and followed links stay' });
  try {
    rmdirSync(real.value);
    forgetLooked(on.place);
    on.dirty.add(dirname(real.value));
    on.dirty.delete(real.value);
    return ok(null);
  } catch (error) {
    return fail(problemOf(error, path));
  }
}

/**
 * The flushes of one tree. Who asks while another flush runs, which may have taken a folder of his, waits for it, and what
 * went wrong with it went wrong with his.
 */
export function createFlush(on: Writing, disk?: SyncTogether): () => Promise<Result<null, FileProblem>> {
  let running: Promise<Result<null, FileProblem>> | null = null;
  const flushBehind = async (before: Promise<Result<null, FileProblem>> | null): Promise<Result<null, FileProblem>> => {
    const earlier = (await before) ?? ok(null);
    const flushed = await flushFolders(on, disk);
    return flushed.ok ? earlier : flushed;
  };
  return async () => {
    const mine = flushBehind(running);
    running = mine;
    try {
      return await mine;
    } finally {
      if (running === mine) running = null;
    }
  };
}

/** See {@link FileTree.flush}. One fsync a folder, or one for all where there are many. */
async function flushFolders(on: Writing, disk?: SyncTogether): Promise<Result<null, FileProblem>> {
  const folders = [...on.dirty];
  on.dirty.clear();
  // Windows has no way to sync a folder; its renames are journalled.
  if (process.platform === 'win32') return ok(null);
  if (disk?.isWorth(on.place.root, folders.length) === true && (await disk.sync(onePerDevice(folders), folders.length))) return ok(null);
  const outcomes = await Promise.all(folders.map((folder) => flushFolder(folder)));
  return outcomes.find((outcome) => !outcome.ok) ?? ok(null);
}

/** Of the folders that are still there: a removal is durable with the folder above it. */
function onePerDevice(folders: readonly string[]): string[] {
  const devices = new Map<bigint, string>();
  for (const folder of folders) {
    const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
    if (stat !== undefined) devices.set(stat.dev, folder);
  }
  return [...devices.values()];
}

async function flushFolder(folder: string): Promise<Result<null, FileProblem>> {
  try {
    const fd = openSync(folder, 'r');
    try {
      await fsyncAsync(fd);
    } finally {
      closeSync(fd);
    }
    return ok(null);
  } catch (error) {
    const problem = problemOf(error, folder);
    // Removed since: its own removal is durable with the folder above it.
    return problem.type === 'missing' ? ok(null) : fail(problem);
  }
}
