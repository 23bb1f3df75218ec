import { lstatSync, realpathSync, statSync, type BigIntStats } from 'node:fs';
import { join, sep } from 'node:path';
import type { FileProblem, FileStat } from '../../core/ports/files.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { missing, problemOf } from './node-problem.ts';
import { outside, splitTreePath } from './tree-path.ts';

/** Where the tree is: its root and the links in it that count as what they point to. */
export interface Place {
  readonly root: string;
  followed: ReadonlySet<string>;
}

const IF_THERE = { throwIfNoEntry: false } as const;
/** Where much is new, thousands of errors would be made to say so. */
export const LARGE_IF_THERE = { bigint: true, throwIfNoEntry: false } as const;

/** Folders that were found to be folders in this turn of the event loop: a tree's files lie beside one another. */
const looked = new WeakMap<Place, Set<string>>();

/** Something that is no plain file was made or removed here: folders are looked at anew. */
export function forgetLooked(place: Place): void {
  looked.get(place)?.clear();
}

function lookedAt(place: Place): Set<string> {
  const known = looked.get(place) ?? new Set<string>();
  looked.set(place, known);
  if (known.size === 0) setImmediate(() => known.clear());
  return known;
}

/**
 * Relative path → absolute path whose last step alone may still be a link. Every folder on the way is looked at:
 * one that is a link and not followed is refused, so that a link that arrived can lead nobody out of the tree.
 * (Node has no openat; who can swap a folder between this look and the next call already writes to this home. For that
 * reason one look a turn of the event loop is enough.)
 */
export function locate(place: Place, path: string): Result<string, FileProblem> {
  const split = splitTreePath(path);
  if (!split.ok) return split;
  let real = place.root;
  let walked = '';
  const known = lookedAt(place);
  try {
    for (const [index, segment] of split.value.entries()) {
      walked = walked === '' ? segment : `${walked}/${segment}`;
      real = join(real, segment);
      if (place.followed.has(walked)) real = leadsTo(real) ?? real;
      if (index < split.value.length - 1 && !known.has(real)) {
        const stat = lstatSync(real, IF_THERE);
        if (stat === undefined) return fail(missing(path));
        if (stat.isSymbolicLink()) return fail(outside(path));
        if (!stat.isDirectory()) return fail({ type: 'in-the-way', message: `${JSON.stringify(walked)} is not a folder` });
        known.add(real);
      }
    }
  } catch (error) {
    return fail(problemOf(error, path));
  }
  return ok(real);
}

/** As {@link locate}, of the link itself where the last step is a followed one. */
export function locateItself(place: Place, path: string): Result<string, FileProblem> {
  const cut = path.lastIndexOf('/');
  if (cut < 0) return place.followed.has(path) ? ok(join(place.root, path)) : locate(place, path);
  const split = splitTreePath(path);
  const folder = split.ok ? locate(place, path.slice(0, cut)) : split;
  return folder.ok ? ok(join(folder.value, path.slice(cut + 1))) : folder;
}

/** Where a followed link leads; `null`: nowhere. Throws where that cannot be told. */
function leadsTo(real: string): string | null {
  try {
    return realpathSync.native(real);
  } catch (error) {
    if (problemOf(error, real).type === 'missing') return null;
    throw error;
  }
}

export function statPath(place: Place, path: string): Result<FileStat, FileProblem> {
  return statAt(path, locate(place, path));
}

/** As {@link statPath}, of a followed link itself. */
export function statItself(place: Place, path: string): Result<FileStat, FileProblem> {
  return statAt(path, locateItself(place, path));
}

function statAt(path: string, real: Result<string, FileProblem>): Result<FileStat, FileProblem> {
  if (!real.ok) return real;
  try {
    // The root itself may be a link: the user chose it.
    const stat = path === '' ? statSync(real.value, LARGE_IF_THERE) : lstatSync(real.value, LARGE_IF_THERE);
    return stat === undefined ? fail(missing(path)) : ok(toFileStat(stat));
  } catch (error) {
    return fail(problemOf(error, path));
  }
}

/** See {@link FileTree.leadsTo}. */
export function whatLeadsTo(place: Place, path: string): 'file' | 'folder' | null {
  const real = locateItself(place, path);
  if (!real.ok) return null;
  try {
    const target = realpathSync.native(real.value);
    const root = realpathSync.native(place.root);
    const stat = statSync(target);
    if (stat.isFile()) return 'file';
    return stat.isDirectory() && !isWithin(target, root) && !isWithin(root, target) ? 'folder' : null;
  } catch (error) {
    problemOf(error, path);
    return null;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

export function toFileStat(stat: BigIntStats): FileStat {
  return {
    type: stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : stat.isSymbolicLink() ? 'link' : 'other',
    size: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    ino: stat.ino,
    mode: Number(stat.mode & 0o777n),
  };
}
