import { linkSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs';
import type { DatabasePart } from './database-part.ts';
import type { Stray } from './held-standing.ts';
import type { HoldersLook } from './holders.ts';

/** A file that somebody has open under another name than it is looked for by. */
export interface GiveBack {
  readonly from: string;
  readonly to: string;
}

export const ENDS: Readonly<Record<DatabasePart, string>> = { database: '', wal: '-wal', shm: '-shm' };

/**
 * What to call by its own name again, so that those who have it open go on as if nothing had been: where all of it has a name, it is of one
 * database, and nobody else has those names. `null` where that is not so.
 */
export function namesToGiveBack(file: string, all: readonly Stray[], holders: HoldersLook): GiveBack[] | null {
  const isWhole = ({ holder, hasItsLog }: Stray): boolean => hasItsLog && new Set(holder.files.map(({ part }) => part)).size === 3;
  if (!all.every(isWhole)) return null;
  const moved = new Map<DatabasePart, { readonly id: string; readonly from: string }>();
  for (const { part, id, name } of all.flatMap(({ strays }) => strays)) {
    if (name === null || (moved.get(part)?.id ?? id) !== id) return null;
    moved.set(part, { id, from: name });
  }
  if (moved.size === 0 || [...moved.keys()].some((part) => !isFree(file, part, holders))) return null;
  return [...moved].map(([part, { from }]) => ({ from, to: file + ENDS[part] }));
}

/** Nothing is there, or what somebody began who read and has it open no more. */
function isFree(file: string, part: DatabasePart, holders: HoldersLook): boolean {
  const there = statSync(file + ENDS[part], { throwIfNoEntry: false });
  if (there === undefined) return true;
  if (part === 'database' || there.size > 0) return false;
  return (holders.all() ?? []).every(({ files }) => files.every((each) => each.part !== part || !each.isInPlace));
}

/** False where it cannot be done, as between two disks: then all is as it was. What stands at a name by now is never replaced. */
export function giveBack(all: readonly GiveBack[]): boolean {
  const done: GiveBack[] = [];
  try {
    for (const each of all) {
      if (statSync(each.to, { throwIfNoEntry: false })?.size === 0) rmSync(each.to);
      linkSync(each.from, each.to);
      done.push(each);
    }
  } catch (error) {
    for (const { to } of done) unlinkSync(to);
    if (isRefused(error)) return false;
    throw error;
  }
  for (const { from } of done) unlinkSync(from);
  return true;
}

/** Under `to`, or where that is on another disk, beside it. Gives the name that it has now. */
export function rename(from: string, to: string, beside: string): string {
  try {
    renameSync(from, to);
    return to;
  } catch (error) {
    if (!isRefused(error)) throw error;
    renameSync(from, beside);
    return beside;
  }
}

function isRefused(error: unknown): boolean {
  return ['EXDEV', 'EEXIST', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '');
}
