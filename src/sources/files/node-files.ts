import { lstatSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TEMPORARY_PREFIX, type FileTree, type Folding } from '../../core/ports/files.ts';
import type { Random } from '../../core/ports/random.ts';
import { flushFolders, makeTreeFolder, removeTreeFolder } from './node-folders.ts';
import { locateItself, statPath, whatLeadsTo, type Place } from './node-place.ts';
import { problemOf } from './node-problem.ts';
import { readTreeFile } from './node-read.ts';
import { scanTree } from './node-scan.ts';
import { watchTree } from './node-watch.ts';
import { extendTreeFile, removeTreeFile, writeTreeFile, writeTreeLink, type Writing } from './node-write.ts';
import { fail, ok } from '../../core/result.ts';

/** A folder of this machine's disk. It need not exist yet; the root itself may be a link. */
export function createNodeFiles(deps: { readonly root: string; readonly random: Random }): FileTree {
  const place: Place = { root: resolve(deps.root), followed: new Set() };
  const on: Writing = { place, random: deps.random, dirty: new Set() };
  let folding: Folding | null = null;

  return {
    keepsModes: process.platform !== 'win32',
    scan: (options) => scanTree(place, options),
    stat: (path) => statPath(place, path),
    read: (path, from = 0) => readTreeFile(place, path, from),
    readLink(path) {
      const real = locateItself(place, path);
      if (!real.ok) return real;
      try {
        return ok(readlinkSync(real.value));
      } catch (error) {
        return fail(problemOf(error, path));
      }
    },
    write: (path, body, options) => writeTreeFile(on, path, body, options),
    extend: (path, tail, expected, options) => extendTreeFile(on, path, tail, expected, options),
    writeLink: (path, target, expected) => writeTreeLink(on, path, target, expected),
    remove: (path, expected) => Promise.resolve(removeTreeFile(on, path, expected)),
    makeFolder: (path) => Promise.resolve(makeTreeFolder(on, path)),
    removeFolder: (path) => Promise.resolve(removeTreeFolder(on, path)),
    flush: () => flushFolders(on),
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
