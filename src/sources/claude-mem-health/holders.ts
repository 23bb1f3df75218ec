import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import type { DatabasePart } from './database-part.ts';
import { findMoved, GONE, idOf, unlessGone, withoutGone, type OpenFile, type Part } from './moved-parts.ts';

/** A process of this user's that has a database open. */
export interface Holder {
  readonly pid: number;
  /** As the system calls it. */
  readonly program: string;
  readonly files: readonly HeldFile[];
}

export interface HeldFile {
  readonly part: DatabasePart;
  /** Opens what the process has, whatever stands in its place by now. */
  readonly handle: string;
  /** `device:inode` */
  readonly id: string;
  /** What it is called by now; `null`: it has no name any more, and is gone when the process ends. */
  readonly name: string | null;
  /** It is what stands at the part's own name. */
  readonly isInPlace: boolean;
}

/** Who has a database open, of one look at the processes for all that is asked in one go. Made where it is first asked. */
export interface HoldersLook {
  /** Besides this process; `null` as of {@link holdersOf}. */
  others(): readonly Holder[] | null;
  /** This process too. */
  all(): readonly Holder[] | null;
}

export function lookAtHolders(file: string): HoldersLook {
  let seen: { readonly holders: Holder[] | null } | null = null;
  const all = (): Holder[] | null => (seen ??= { holders: holdersOf(file, { withOwn: true }) }).holders;
  return { all, others: () => all()?.filter(({ pid }) => pid !== process.pid) ?? null };
}

const ENDS: readonly (readonly [DatabasePart, string])[] = [
  ['database', ''],
  ['wal', '-wal'],
  ['shm', '-shm'],
];

/**
 * Who else (or this process too) has a database, its write-ahead log or SQLite's memory of that open, also under another name where it was
 * moved since; `null` where the system does not tell (elsewhere than on Linux). O(open files of this user).
 */
export function holdersOf(file: string, { withOwn = false } = {}): Holder[] | null {
  const processes = listed('/proc')?.filter((name) => /^\d+$/.test(name)) ?? [];
  if (processes.length === 0) return null;
  const real = realOf(file);
  const names = new Map(ENDS.map(([part, end]) => [real + end, part]));
  const places = new Map(ENDS.map(([part, end]) => [part, idOf(real + end)]));
  const worker = workerOf(path.dirname(file));
  const holders: Holder[] = [];
  for (const pid of processes) {
    if (Number(pid) === process.pid && !withOwn) continue;
    const open = openFiles(pid);
    const named = (nameOf: (target: string) => string): Part[] =>
      open.flatMap((each) => {
        const part = names.get(nameOf(each.target));
        return part === undefined ? [] : [{ ...each, part }];
      });
    let parts = named(withoutGone);
    // The worker of this folder may have what was moved away with all of the folder.
    if (parts.length === 0 && Number(pid) === worker)
      parts = named((target) => path.join(path.dirname(real), path.basename(withoutGone(target))));
    const isSought = parts.length > 0 || Number(pid) === worker;
    const all = isSought ? [...parts, ...findMoved(file, open, parts, places, Number(pid) === process.pid)] : [];
    const files = all.flatMap(({ part, handle, target }): HeldFile[] => {
      const id = idOf(handle);
      if (id === null) return [];
      return [{ part, handle, id, name: target.endsWith(GONE) ? null : target, isInPlace: id === places.get(part) }];
    });
    if (files.length > 0) holders.push({ pid: Number(pid), program: programOf(pid), files });
  }
  return holders;
}

/** None of a process that is not ours to look at: which one of its files is asked for makes no difference, and each refusal costs as much as several answers. */
function openFiles(pid: string): OpenFile[] {
  const open: OpenFile[] = [];
  unlessGone(() => {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const handle = `/proc/${pid}/fd/${fd}`;
      const target = targetOf(handle);
      if (target?.startsWith('/') === true) open.push({ handle, target });
    }
  });
  return open;
}

/** `null`: it was closed meanwhile. */
function targetOf(handle: string): string | null {
  try {
    return readlinkSync(handle);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The process that claude-mem itself says is its worker, if it lives; for systems that do not tell who has a file open. */
export function workerOf(folder: string): number | null {
  try {
    const { pid } = JSON.parse(readFileSync(path.join(folder, 'worker.pid'), 'utf8')) as { readonly pid?: unknown };
    if (typeof pid !== 'number') return null;
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof SyntaxError || code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR') return null;
    if (code === 'EPERM') return null; // another user's: no worker of ours
    throw error;
  }
}

/** Whoever works on the database now, besides this process; `null` for nobody. */
export function userOf(file: string): number | null {
  const holders = holdersOf(file);
  return holders === null ? workerOf(path.dirname(file)) : (holders[0]?.pid ?? null);
}

/** Whether another process has all of these files (`device:inode`) of a database open; where the system does not tell, whether a worker lives. */
export function isHeldWith(file: string, parts: readonly string[]): boolean {
  const holders = holdersOf(file);
  if (holders === null) return userOf(file) !== null;
  return holders.some(({ files }) => parts.every((part) => files.some(({ id }) => id === part)));
}

/** Whether a database, its log or the memory of that stands at its name. Cost: up to three stats. */
export function isSomethingThere(file: string): boolean {
  return ENDS.some(([, end]) => idOf(file + end) !== null);
}

/** Where the file really is, or was: links on the way are followed. */
function realOf(file: string): string {
  const [itself, folder] = [unlessGone(() => realpathSync(file)), unlessGone(() => realpathSync(path.dirname(file)))];
  return itself ?? (folder === null ? file : path.join(folder, path.basename(file)));
}

/** Processes come and go while they are looked at, and some are not ours to look at. */
function listed(folder: string): string[] | null {
  return unlessGone(() => readdirSync(folder));
}

function programOf(pid: string): string {
  return unlessGone(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? '?';
}
