import { statSync } from 'node:fs';
import path from 'node:path';
import { partsOpenHere } from '../sqlite-rows/open-here.ts';
import { isLogOf, partOf, type DatabasePart } from './database-part.ts';

/** What a process has open, as Linux tells it. */
export interface OpenFile {
  /** Opens it, whatever it is called by now. */
  readonly handle: string;
  /** What it is called by now, or was: then `GONE` follows. */
  readonly target: string;
}

export interface Part extends OpenFile {
  readonly part: DatabasePart;
}

export const GONE = ' (deleted)';
export const withoutGone = (target: string): string => (target.endsWith(GONE) ? target.slice(0, -GONE.length) : target);

/**
 * Of a process that has some part of a database: those of the missing ones that it has under another name, by what they hold, by which log is of
 * which memory, and by what they are called together. Of claude-mem's worker, known by nothing else: a database that was moved within its folder.
 * `places`: what stands at the names, as `device:inode`. `isOwn`: it is this process, none of whose files are opened again, not those of other
 * databases either: closing them would give up SQLite's locks on them. O(its open files); reads some bytes of each of another process.
 */
export function findMoved(
  file: string,
  open: readonly OpenFile[],
  known: readonly Part[],
  places: ReadonlyMap<DatabasePart, string | null>,
  isOwn: boolean,
): Part[] {
  const missing = (['wal', 'shm', 'database'] as const).filter((part) => known.every((each) => each.part !== part));
  if (missing.length === 0) return [];
  const ours = partsOpenHere(file);
  const isKnown = new Set(known.map(({ handle }) => handle));
  const candidates = open.flatMap((each): Candidate[] => {
    const id = isKnown.has(each.handle) ? null : idOf(each.handle);
    if (id === null) return [];
    const place = missing.find((part) => places.get(part) === id);
    const isUnreadable = isOwn || each.target.endsWith(GONE);
    const part = place ?? ours.get(id) ?? (isUnreadable ? null : partOf(each.handle));
    return part === null || !missing.includes(part) ? [] : [{ ...each, part, isPlace: place !== undefined }];
  });
  const bases = new Set(open.map(({ target }) => target));
  const isReadable = (each: Part): boolean => !isOwn && !ours.has(idOf(each.handle) ?? '');
  const found: Part[] = [];
  // Twice: what is found last tells of the others what they are called.
  for (const part of [...missing, ...missing]) {
    if (found.some((one) => one.part === part)) continue;
    const chosen = [...known, ...found];
    const scoreOf = (each: Candidate): number => {
      if (each.isPlace) return 4;
      const [other] = chosen.filter((one) => (part === 'wal' && one.part === 'shm') || (part === 'shm' && one.part === 'wal'));
      const [wal, shm] = part === 'wal' ? [each, other] : [other, each];
      if (part !== 'database' && wal !== undefined && shm !== undefined && isReadable(shm) && isLogOf(wal.handle, shm.handle)) return 3;
      if (found.some((one) => baseOf(one.target) === baseOf(each.target))) return 2;
      const base = baseOf(each.target);
      const isAnothers = part === 'database' ? bases.has(`${base}-wal`) : bases.has(base);
      if (known.length === 0) return path.dirname(base) === path.dirname(file) ? 1 : 0;
      return isAnothers ? 0 : 1;
    };
    const scored = candidates.filter((each) => each.part === part).map((each) => ({ each, score: scoreOf(each) }));
    const best = Math.max(0, ...scored.map(({ score }) => score));
    if (best > 0)
      found.push(
        ...scored
          .filter(({ score }) => score === best)
          .slice(0, 1)
          .map(({ each }) => each),
      );
  }
  return found;
}

interface Candidate extends Part {
  readonly isPlace: boolean;
}

const baseOf = (target: string): string => withoutGone(target).replace(/-(wal|shm)$/, '');

/** `device:inode` */
export function idOf(file: string): string | null {
  const stat = unlessGone(() => statSync(file, { bigint: true }));
  return stat === null ? null : `${stat.dev}:${stat.ino}`;
}

/** Processes and files come and go while they are looked at, and some are not ours to look at. */
export function unlessGone<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ESRCH' || code === 'EPERM' || code === 'ENOTDIR') return null;
    throw error;
  }
}
