import { lstatSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  TEMPORARY_PREFIX,
  type FileProblem,
  type FileStat,
  type FileTree,
  type Folding,
  type WriteOptions,
} from '../../core/ports/files.ts';
import type { Random } from '../../core/ports/random.ts';
import { createLanes } from './ahead-reads.ts';
import type { FileThreads } from './file-threads.ts';
import { createFlush, makeTreeFolder, removeTreeFolder } from './node-folders.ts';
import { locateItself, statPath, whatLeadsTo, type Place } from './node-place.ts';
import { problemOf } from './node-problem.ts';
import { readTreeFile } from './node-read.ts';
import { scanTree } from './node-scan.ts';
import { watchTree } from './node-watch.ts';
import type { SyncTogether } from './sync-together.ts';
import { extendTreeFile, removeTreeFile, writeTreeFile, writeTreeLink, type Writing } from './node-write.ts';
import { fail, ok, type Result } from '../../core/result.ts';

export interface NodeFilesDeps {
  readonly root: string;
  readonly random: Random;
  /** Who reads and writes where there is much of it; all is done on this thread where it is left out. */
  readonly threads?: FileThreads;
  /** Where it is left out, each file and folder is synced by itself. */
  readonly disk?: SyncTogether;
}

/** So many writes at the same time are many. */
const MANY_WRITES = 8;
/** Larger bodies are written asynchronously from here: a copy for another thread would cost more than it spares. */
const SMALL_BYTES = 1024 * 1024;

/** A folder of this machine's disk. It need not exist yet; the root itself may be a link. */
export function createNodeFiles({ root, random, threads, disk }: NodeFilesDeps): FileTree {
  const place: Place = { root: resolve(root), followed: new Set() };
  const on: Writing = { place, random, dirty: new Set() };
  const ahead = threads === undefined ? null : createLanes(place, threads);
  let folding: Folding | null = null;
  let writes = 0;
  let areMany = false;

  async function write(path: string, body: Uint8Array, options: WriteOptions): Promise<Result<FileStat, FileProblem>> {
    writes += 1;
    areMany ||= writes >= MANY_WRITES;
    try {
      if (threads === undefined || !areMany || body.length > SMALL_BYTES) return await writeTreeFile(on, path, body, options);
      return await writeElsewhere(threads, path, body, options);
    } finally {
      writes -= 1;
      if (writes === 0) areMany = false;
    }
  }

  async function writeElsewhere(
    there: FileThreads,
    path: string,
    body: Uint8Array,
    options: WriteOptions,
  ): Promise<Result<FileStat, FileProblem>> {
    try {
      const { written, dirty } = await there.write(place, path, body, options);
      for (const folder of dirty) on.dirty.add(folder);
      return written;
    } catch (error) {
      // Nobody knows how far it got: what stands there is looked at.
      return fail({ type: 'changed', message: `writing ${JSON.stringify(path)} broke off: ${String(error)}` });
    }
  }

  return {
    keepsModes: process.platform !== 'win32',
    scan: (options) => scanTree(place, options),
    stat: (path) => statPath(place, path),
    async read(path, from = 0) {
      const before = from === 0 ? await ahead?.take(path) : null;
      return before === null || before === undefined ? readTreeFile(place, path, from) : ok(before);
    },
    readAhead: (paths) => ahead?.expect(paths),
    readLink(path) {
      const real = locateItself(place, path);
      if (!real.ok) return real;
      try {
        return ok(readlinkSync(real.value));
      } catch (error) {
        return fail(problemOf(error, path));
      }
    },
    write,
    extend: (path, tail, expected, options) => extendTreeFile(on, path, tail, expected, options),
    writeLink: (path, target, expected) => writeTreeLink(on, path, target, expected),
    remove: (path, expected) => Promise.resolve(removeTreeFile(on, path, expected)),
    makeFolder: (path) => Promise.resolve(makeTreeFolder(on, path)),
    removeFolder: (path) => Promise.resolve(removeTreeFolder(on, path)),
    flush: createFlush(on, disk),
    leadsTo: (path) => whatLeadsTo(place, path),
    follow(links) {
      place.followed = new Set(links);
    },
    folds() {
      folding ??= probeFolding(place.root);
      return Promise.resolve(folding);
    },
    watch: (onChange, options) => watchTree(place, onChange, options),
  };
}

/** Makes one file and looks for it under its other spellings. Where it cannot be made, the platform's habit counts. */
function probeFolding(root: string): Folding {
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(root, TEMPORARY_PREFIX));
    writeFileSync(join(folder, 'caf\u00e9-Fold'), '', { mode: 0o600 });
    const has = (name: string): boolean => lstatSync(join(folder as string, name), { throwIfNoEntry: false }) !== undefined;
    return { case: has('caf\u00e9-fold'), unicode: has('cafe\u0301-Fold') };
  } catch (error) {
    problemOf(error, '');
    return { case: process.platform !== 'linux', unicode: process.platform === 'darwin' };
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}
