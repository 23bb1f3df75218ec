import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';

/** A process of this user's that has a database open. */
export interface Holder {
  readonly pid: number;
  /** As the system calls it. */
  readonly program: string;
  readonly files: readonly HeldFile[];
}

export interface HeldFile {
  readonly part: 'database' | 'wal';
  /** Opens what the process has, whatever stands in its place by now. */
  readonly handle: string;
  /** It has no name any more: what is written to it is gone when the process ends. */
  readonly isDeleted: boolean;
}

const GONE = ' (deleted)';

/** Who else (or this process too) has a database or its write-ahead log open; `null` where the system does not tell (elsewhere than on Linux). O(open files of this user). */
export function holdersOf(file: string, { withOwn = false } = {}): Holder[] | null {
  const names = new Map<string, HeldFile['part']>([
    [realOf(file), 'database'],
    [`${realOf(file)}-wal`, 'wal'],
  ]);
  const processes = listed('/proc')?.filter((name) => /^\d+$/.test(name)) ?? [];
  if (processes.length === 0) return null;
  const holders: Holder[] = [];
  for (const pid of processes) {
    if (Number(pid) === process.pid && !withOwn) continue;
    const files = (listed(`/proc/${pid}/fd`) ?? []).flatMap((fd): HeldFile[] => {
      const handle = `/proc/${pid}/fd/${fd}`;
      const target = linkOf(handle);
      if (target === null) return [];
      const isDeleted = target.endsWith(GONE);
      const part = names.get(isDeleted ? target.slice(0, -GONE.length) : target);
      return part === undefined ? [] : [{ part, handle, isDeleted }];
    });
    if (files.length > 0) holders.push({ pid: Number(pid), program: programOf(pid), files });
  }
  return holders;
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

/** Where the file really is, or was: links on the way are followed. */
function realOf(file: string): string {
  const [itself, folder] = [unlessGone(() => realpathSync(file)), unlessGone(() => realpathSync(path.dirname(file)))];
  return itself ?? (folder === null ? file : path.join(folder, path.basename(file)));
}

/** Processes come and go while they are looked at, and some are not ours to look at. */
function listed(folder: string): string[] | null {
  return unlessGone(() => readdirSync(folder));
}

function linkOf(file: string): string | null {
  return unlessGone(() => readlinkSync(file));
}

function programOf(pid: string): string {
  return unlessGone(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? '?';
}

function unlessGone<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ESRCH' || code === 'EPERM' || code === 'ENOTDIR') return null;
    throw error;
  }
}
