import { statSync } from 'node:fs';
import path from 'node:path';
import { ENDS, rename, type GiveBack } from './give-back.ts';
import type { Stray } from './held-standing.ts';
import type { HoldersLook } from './holders.ts';

/**
 * Of what stands at the names beside a database, what is not its own, so that whoever opens it does not take it for that: the log and its
 * memory of a process whose database is another one by now, and a log that nobody has open where the worker has the database's own.
 */
export function toMoveAside(file: string, all: readonly Stray[], looked: HoldersLook): string[] {
  const mixed = all.filter(({ standing }) => standing === 'mixed');
  if (mixed.length === 0) return [];
  const holders = looked.all() ?? [];
  return (['wal', 'shm'] as const).flatMap((part) => {
    const name = file + ENDS[part];
    const users = holders.filter(({ files }) => files.some((each) => each.part === part && each.isInPlace));
    const isTheirs = users.every(({ pid }) =>
      mixed.some(({ holder, strays }) => holder.pid === pid && strays.some((each) => each.part === 'database')),
    );
    const size = statSync(name, { throwIfNoEntry: false })?.size ?? 0;
    if (size === 0 || !isTheirs || (users.length === 0 && part === 'shm')) return [];
    return [name];
  });
}

/** Those who have them open go on with them. */
export function moveAside(names: readonly string[], backups: string): GiveBack[] {
  return names.map((from) => ({
    from,
    to: rename(from, path.join(backups, path.basename(from)), `${from}.${path.basename(backups)}`),
  }));
}
