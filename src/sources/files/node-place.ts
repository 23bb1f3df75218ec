import { lstatSync, realpathSync, statSync, type BigIntStats } from 'node:fs';
import { join, sep } from 'node:path';
import type { FileProblem, FileStat } from '../../core/ports/files.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { problemOf } from './node-problem.ts';
import { outside, splitTreePath } from './tree-path.ts';

/** Where the tree is: its root and the links in it that count as what they point to. */
export interface Place {
  readonly root: string;
  followed: ReadonlySet<string>;
}

/**
 * Relative path → absolute path whose last step alone may still be a link. Every folder on the way is looked at:
 * one that is a link and not followed is refused, so that a link that arrived can lead nobody out of the tree.
 * (Node has no openat; who can swap a folder between this look and the next call already writes to this home.)
 */
export function locate(place: Place, path: string): Result<string, FileProblem> {
  const split = splitTreePath(path);
  if (!split.ok) return split;
  let real = place.root;
  let walked = '';
  try {
    for (const [index, segment] of split.value.entries()) {
      walked = walked === '' ? segment : `${walked}/${segment}`;
      real = join(real, segment);
      if (place.followed.has(walked)) real = realpathSync.native(real);
      else if (index < split.value.length - 1) {
        const stat = lstatSync(real);
        if (stat.isSymbolicLink()) return fail(outside(path));
        if (!stat.isDirectory()) return fail({ type: 'in-the-way', message: `${JSON.stringify(walked)} is not a folder` });
      }
    }
  } catch (error) {
    return fail(problemOf(error, path));
  }
  return ok(real);
}

export function statPath(place: Place, path: string): Result<FileStat, FileProblem> {
  const real = locate(place, path);
  if (!real.ok) return real;
  try {
    // The root itself may be a link: the user chose it.
    return ok(toFileStat(path === '' ? statSync(real.value, { bigint: true }) : lstatSync(real.value, { bigint: true })));
  } catch (error) {
    return fail(problemOf(error, path));
  }
}

/** See {@link FileTree.leadsElsewhere}. */
export function leadsElsewhere(place: Place, path: string): boolean {
  const real = locate(place, path);
  if (!real.ok) return false;
  try {
    const target = realpathSync.native(real.value);
    const root = realpathSync.native(place.root);
    return statSync(target).isDirectory() && !isWithin(target, root) && !isWithin(root, target);
  } catch (error) {
    problemOf(error, path);
    return false;
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
