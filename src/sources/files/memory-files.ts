import { TEMPORARY_PREFIX, sameStat, type FileProblem, type FileStat, type FileTree, type TreeChange } from '../../core/ports/files.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { createMemoryDisk, type MemoryDisk, type MemoryDiskOptions } from './memory-disk.ts';
import { isBelow, scanMemory } from './memory-scan.ts';
import { outside, splitTreePath } from './tree-path.ts';

/** One step of a write, in the order of the disk. The bytes of a file arrive in two steps, so that it can be torn. */
export interface Mutation {
  readonly type: 'create' | 'bytes' | 'rename' | 'extend' | 'link' | 'remove' | 'make-folder' | 'remove-folder';
  readonly path: string;
}

export interface MemoryFilesOptions extends MemoryDiskOptions {
  readonly keepsModes?: boolean;
  /** Called before and after each step; may throw (a crash) and may change the disk meanwhile through `disk`. */
  readonly onMutation?: (mutation: Mutation, phase: 'before' | 'after') => void;
  /** Called in the middle of a read. */
  readonly onRead?: (path: string) => void;
  /** Makes an operation on a path fail: a full disk, a file that may not be read. */
  readonly refuses?: (operation: 'read' | 'write' | 'scan', path: string) => FileProblem['type'] | null;
}

/**
 * A file tree in memory, deterministic: inode numbers and (without a `now`) times count up. `disk` is the local
 * user's hand on it; it outlives the driver, as a disk outlives a process.
 */
export function createMemoryFiles(options: MemoryFilesOptions = {}, disk: MemoryDisk = createMemoryDisk(options)): MemoryFiles {
  let followed: ReadonlySet<string> = new Set();
  let temporaries = 0;
  const refuses = (operation: 'read' | 'write' | 'scan', path: string): FileProblem | null => {
    const type = options.refuses?.(operation, path) ?? null;
    return type === null ? null : { type, message: `${type} at ${JSON.stringify(path)}` };
  };
  const step = <T>(type: Mutation['type'], path: string, act: () => T): T => {
    options.onMutation?.({ type, path }, 'before');
    const outcome = act();
    options.onMutation?.({ type, path }, 'after');
    return outcome;
  };

  /** The tree path → where it is on the disk, through followed links. */
  const locate = (path: string): Result<string, FileProblem> => {
    const split = splitTreePath(path);
    if (!split.ok) return split;
    if (!disk.hasRoot()) return fail(missing(path));
    let walked = '';
    let real = '';
    for (const [index, segment] of split.value.entries()) {
      walked = walked === '' ? segment : `${walked}/${segment}`;
      real = real === '' ? segment : `${real}/${segment}`;
      const entry = disk.get(real);
      if (followed.has(walked) && entry?.type === 'link' && disk.get(entry.target) !== undefined) real = entry.target;
      else if (index < split.value.length - 1) {
        if (entry === undefined) return fail(missing(path));
        if (entry.type === 'link') return fail(outside(path));
        if (entry.type !== 'folder') return fail({ type: 'in-the-way', message: `${JSON.stringify(walked)} is not a folder` });
      }
    }
    return ok(real);
  };
  /** Of the link itself where the last step is a followed one. */
  const locateItself = (path: string): Result<string, FileProblem> => {
    const cut = path.lastIndexOf('/');
    if (cut < 0) return followed.has(path) ? ok(path) : locate(path);
    const split = splitTreePath(path);
    const folder = split.ok ? locate(path.slice(0, cut)) : split;
    return folder.ok ? ok(`${folder.value}/${path.slice(cut + 1)}`) : folder;
  };
  const stat = (path: string): Result<FileStat, FileProblem> => {
    const real = locate(path);
    if (!real.ok) return real;
    const found = disk.stat(real.value);
    return found === null ? fail(missing(path)) : ok(found);
  };

  const replace = (
    path: string,
    expected: FileStat | null,
    make: (temporary: string) => void,
    real = locate(path),
  ): Result<FileStat, FileProblem> => {
    const refused = refuses('write', path);
    if (!real.ok) return real;
    const cut = real.value.lastIndexOf('/') + 1;
    const temporary = `${real.value.slice(0, cut)}${TEMPORARY_PREFIX}${(temporaries += 1)}`;
    if (!stands(disk, real.value, expected)) return fail(changed(path));
    if (refused !== null && refused.type !== 'full') return fail(refused);
    make(temporary);
    if (refused !== null) {
      disk.remove(temporary);
      return fail(refused);
    }
    if (!stands(disk, real.value, expected)) {
      disk.remove(temporary);
      return fail(changed(path));
    }
    const made = disk.stat(temporary);
    options.onMutation?.({ type: 'rename', path }, 'before');
    // The hook may have changed the file: on a real disk that is the last look before the rename.
    if (!stands(disk, real.value, expected)) {
      disk.remove(temporary);
      return fail(changed(path));
    }
    disk.rename(temporary, real.value);
    const placed = disk.stat(real.value);
    options.onMutation?.({ type: 'rename', path }, 'after');
    const after = disk.stat(real.value);
    return made !== null && placed !== null && after !== null && sameStat(placed, after) ? ok(after) : fail(changed(path));
  };

  const tree: FileTree = {
    keepsModes: options.keepsModes ?? true,
    scan: (scanOptions = {}) => scanMemory({ disk, followed, locate, refuses: (path) => refuses('scan', path) }, scanOptions),
    stat,
    read(path, from = 0) {
      const before = stat(path);
      if (!before.ok) return Promise.resolve(before);
      const refused = refuses('read', path);
      if (refused !== null) return Promise.resolve(fail(refused));
      const real = locate(path);
      const entry = real.ok ? disk.get(real.value) : undefined;
      if (entry?.type !== 'file') return Promise.resolve(fail({ type: 'in-the-way', message: `${JSON.stringify(path)} is not a file` }));
      const bytes = entry.body.slice(from);
      options.onRead?.(path);
      const after = stat(path);
      if (!after.ok || !sameStat(before.value, after.value)) return Promise.resolve(fail(changed(path)));
      return Promise.resolve(ok({ bytes, stat: before.value }));
    },
    readLink(path) {
      const real = locateItself(path);
      if (!real.ok) return real;
      const entry = disk.get(real.value);
      return entry?.type === 'link' ? ok(entry.target) : fail(missing(path));
    },
    // Async, so that a crash in a hook is a rejection as on a real disk.
    async write(path, body, { expected, mode, modifiedAt }) {
      return replace(path, expected, (temporary) => {
        step('create', path, () => disk.write(temporary, new Uint8Array(0), mode ?? (expected?.type === 'file' ? expected.mode : 0o600)));
        step('bytes', path, () => disk.append(temporary, body.subarray(0, body.length >> 1)));
        step('bytes', path, () => disk.append(temporary, body.subarray(body.length >> 1)));
        if (modifiedAt !== undefined) disk.setModified(temporary, modifiedAt);
      });
    },
    async extend(path, tail, expected, { modifiedAt } = {}) {
      const refused = refuses('write', path);
      if (refused !== null) return fail(refused);
      const real = locate(path);
      if (!real.ok) return real;
      if (!stands(disk, real.value, expected)) return fail(changed(path));
      step('extend', path, () => disk.append(real.value, tail.subarray(0, tail.length >> 1)));
      step('extend', path, () => disk.append(real.value, tail.subarray(tail.length >> 1)));
      if (modifiedAt !== undefined) disk.setModified(real.value, modifiedAt);
      const after = disk.stat(real.value);
      return after !== null && after.size === expected.size + tail.length ? ok(after) : fail(changed(path));
    },
    async writeLink(path, target, expected) {
      const itself = locateItself(path);
      const link = (temporary: string): void => step('link', path, () => disk.link(temporary, target));
      if (!followed.has(path) || !itself.ok) return replace(path, expected, link, itself);
      const there = stat(path);
      if (expected === null || !there.ok || !sameStat(there.value, expected)) return fail(changed(path));
      return replace(path, disk.stat(itself.value), link, itself);
    },
    async remove(path, expected) {
      const refused = refuses('write', path);
      if (refused !== null) return fail(refused);
      const [real, itself] = [locate(path), locateItself(path)];
      if (!real.ok) return real;
      if (!itself.ok) return itself;
      options.onMutation?.({ type: 'remove', path }, 'before');
      if (!stands(disk, real.value, expected)) return fail(changed(path));
      disk.remove(itself.value);
      options.onMutation?.({ type: 'remove', path }, 'after');
      return ok(null);
    },
    async makeFolder(path) {
      const split = splitTreePath(path);
      if (!split.ok) return split;
      if (!disk.hasRoot()) step('make-folder', '', () => disk.restoreRoot());
      for (let depth = 1; depth <= split.value.length; depth += 1) {
        const folder = split.value.slice(0, depth).join('/');
        const real = locate(folder);
        if (!real.ok) return real;
        const entry = disk.get(real.value);
        if (entry === undefined) {
          const refused = refuses('write', folder);
          if (refused !== null) return fail(refused);
          step('make-folder', folder, () => disk.makeFolder(real.value));
        } else if (entry.type === 'link') return fail(outside(folder));
        else if (entry.type !== 'folder') return fail({ type: 'in-the-way', message: `${JSON.stringify(folder)} is not a folder` });
      }
      return ok(null);
    },
    async removeFolder(path) {
      const real = locate(path);
      if (!real.ok) return real;
      if (disk.get(real.value) === undefined) return fail(missing(path));
      const stays = path === '' || followed.has(path) || disk.get(real.value)?.type !== 'folder';
      if (stays || disk.paths().some((other) => isBelow(other, real.value))) {
        return fail({ type: 'in-the-way', message: `${JSON.stringify(path)} is not an empty folder` });
      }
      options.onMutation?.({ type: 'remove-folder', path }, 'before');
      // The hook may have put something there: a disk removes no folder that holds anything.
      if (disk.paths().some((other) => isBelow(other, real.value))) {
        return fail({ type: 'in-the-way', message: `${JSON.stringify(path)} is not an empty folder` });
      }
      disk.remove(real.value);
      options.onMutation?.({ type: 'remove-folder', path }, 'after');
      return ok(null);
    },
    flush: () => Promise.resolve(ok(null)),
    leadsTo(path) {
      const entry = disk.get(path);
      if (entry?.type !== 'link') return null;
      // A target in the tree is written without the way up: there is one disk.
      const type = disk.get(entry.target)?.type;
      return type === 'file' || (type === 'folder' && entry.target.startsWith('/')) ? type : null;
    },
    follow(links) {
      followed = new Set(links);
    },
    folds: () => Promise.resolve({ case: options.foldsCase ?? false, unicode: options.foldsUnicode ?? false }),
    watch(onChange) {
      const stop = disk.onChange((path) => {
        const change: TreeChange = path === null ? { type: 'all' } : { type: 'paths', paths: [path] };
        onChange(change);
      });
      return { refresh: () => undefined, settle: () => Promise.resolve(true), problem: () => null, close: stop };
    },
  };
  return { ...tree, disk };
}

export interface MemoryFiles extends FileTree {
  readonly disk: MemoryDisk;
}

function stands(disk: MemoryDisk, real: string, expected: FileStat | null): boolean {
  const stat = disk.stat(real);
  return stat === null ? expected === null : expected !== null && sameStat(stat, expected);
}

function missing(path: string): FileProblem {
  return { type: 'missing', message: `nothing at ${JSON.stringify(path)}` };
}

function changed(path: string): FileProblem {
  return { type: 'changed', message: `${JSON.stringify(path)} is not what it was` };
}
