import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { Ailment, Repaired } from './ailment.ts';
import type { DatabasePart } from './database-part.ts';
import { giveBack, namesToGiveBack } from './give-back.ts';
import { straysOf, type Stray } from './held-standing.ts';
import { lookAtHolders, type Holder } from './holders.ts';
import { keepBytes } from './keep-copy.ts';
import { moveAside, toMoveAside } from './move-aside.ts';

const TRIES = 20;
const PARTS: Readonly<Record<DatabasePart, string>> = {
  database: 'a database',
  wal: 'a write-ahead log',
  shm: 'a memory of the write-ahead log (claude-mem.db-shm)',
};
const RESTART = 'Now start claude-mem’s worker again (npx claude-mem restart).';

/**
 * A worker that goes on with a part of a database that has no name any more, or another one than it is looked for by: what it saves is in no
 * database that others open, or destroys what they save.
 */
export function lookForHeldFile(file: string, holders = lookAtHolders(file)): Ailment | null {
  const all = straysOf(file, holders);
  const [stray] = all;
  if (stray === undefined) return null;
  const strays = all.flatMap((each) => each.strays);
  const back = namesToGiveBack(file, all, holders);
  const ends = all.map(({ holder }) => `kill -9 ${holder.pid}`).join('; ');
  const isOverwritten = all.some(({ standing }) => standing === 'overwritten');
  return {
    id: 'open-file',
    result: 'fail',
    severity: 'high',
    reason: isOverwritten ? OVERWRITTEN : reasonOf(stray.standing === 'mixed', strays),
    evidence: all.map(({ holder: { pid, program }, strays: files, standing }) =>
      standing === 'overwritten'
        ? `process ${pid} (${program}) has the log open`
        : `process ${pid} (${program}) has ${files.length} such files open${namesText(files)}`,
    ),
    would: isOverwritten
      ? []
      : back !== null
        ? back.map(({ from, to }) => `give ${from} its name back: ${path.basename(to)}`)
        : [
            'copy what the process has, before it ends, and what stands there beside it',
            'take the rows of that copy in, from where they come into the database that is there now',
            ...toMoveAside(file, all, holders).map((name) => `move ${path.basename(name)} away: it is not of the database that is there`),
            'then: start claude-mem’s worker again, so that it opens that one',
          ],
    advice: isOverwritten
      ? `End it at once, with ${ends}: stopped in order (npx claude-mem stop) it would copy what is in the log now into the database. Then run satchel claude-mem repair, and start it again`
      : null,
    repair: isOverwritten ? null : (backups) => rescue(file, backups),
  };
}

const OVERWRITTEN =
  'the write-ahead log that claude-mem’s worker has open was written over or cut: what it reads, and what it saves, is not what it takes it for';

function reasonOf(isMixed: boolean, strays: Stray['strays']): string {
  const isPart = (part: DatabasePart): boolean => strays.some((each) => each.part === part);
  const part = isPart('database') ? 'database' : isPart('wal') ? 'wal' : 'shm';
  const isGone = strays.some(({ name }) => name === null);
  const what = `claude-mem’s worker goes on with ${PARTS[part]} that was ${isGone ? 'deleted or replaced' : 'moved away'}`;
  if (part === 'shm') return `${what}: what it saves and what others save destroys each other’s`;
  if (isGone) return `${what}: what it saves is gone when it ends`;
  return `${what}: what it saves is not in the database that others open${isMixed ? ', and they may damage it' : ''}`;
}

function namesText(files: Stray['strays']): string {
  const names = new Set(files.flatMap(({ name }) => (name === null ? [] : [name])));
  return names.size === 0 ? '' : `: ${[...names].join(', ')}`;
}

/** Nobody in this process may have the database open. */
async function rescue(file: string, backups: string): Promise<Repaired> {
  const holders = lookAtHolders(file);
  const all = straysOf(file, holders);
  const back = namesToGiveBack(file, all, holders);
  if (back !== null && giveBack(back)) {
    const lines = back.map(({ from, to }) => `${from} is ${path.basename(to)} again.`);
    return { type: 'done', lines: [...lines, 'The worker goes on with it.'], backup: null, rescued: [] };
  }
  const rescued: string[] = [];
  const lines: string[] = [];
  const beside = await copyStanding(file, all, path.join(backups, 'at-its-name'), lines);
  if (beside === null)
    return {
      type: 'blocked',
      reason: 'what stands at its name could not be copied: others write there all the while, and that process writes over it when it ends',
      next: 'Wait until they are quiet, or end them, not claude-mem’s worker, and run this again',
    };
  for (const { holder, hasItsLog } of all) {
    const copy = await copyHeld(holder, hasItsLog, file, path.join(backups, `held-by-${holder.pid}`));
    if (copy === null)
      return {
        type: 'blocked',
        reason: `process ${holder.pid} is writing all the while`,
        next: 'Wait until claude-mem is quiet, and run this again',
      };
    rescued.push(copy);
    lines.push(
      `Copied what process ${holder.pid} has open to ${copy}${hasItsLog ? '' : ', without its log, which was written over or cut'}.`,
    );
  }
  for (const { from, to } of moveAside(toMoveAside(file, all, lookAtHolders(file)), backups))
    lines.push(`Moved ${path.basename(from)} to ${to}.`);
  if (rescued.length > 0) lines.push(RESTART);
  const isOther = all.some(({ hasItsLog }) => !hasItsLog);
  return { type: 'done', lines, backup: rescued[0] ?? null, rescued, isOther, beside };
}

/**
 * Copies the database that stands at its name where the process has that file, and a log of its own: what others write there since, it writes over
 * when it ends. Adds to `lines` what was copied. None where the process has another file; `null` where others write all the while.
 */
async function copyStanding(file: string, all: readonly Stray[], folder: string, lines: string[]): Promise<string[] | null> {
  const isBeside = all.some(({ strays }) => strays.length > 0 && strays.every(({ part }) => part !== 'database'));
  if (!isBeside || !existsSync(file)) return [];
  const copy = await copyParts(file, existsSync(`${file}-wal`) ? `${file}-wal` : undefined, folder);
  if (copy === null) return null;
  try {
    settle(copy);
  } catch (error) {
    // Bytes are kept as they are: more than that nobody can tell of it.
    lines.push(`Copied what stands at its name to ${copy}; it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
  lines.push(`Copied what stands at its name to ${copy}: what others wrote there since, that process writes over when it ends.`);
  return [copy];
}

/** The database as the process sees it, as one sound file; `null` where it was written all the while. Throws where it is damaged. */
async function copyHeld({ files }: Holder, hasItsLog: boolean, file: string, folder: string): Promise<string | null> {
  const handleOf = (wanted: DatabasePart): string | undefined => {
    const parts = files.filter(({ part }) => part === wanted);
    return (parts.find(({ isInPlace }) => !isInPlace) ?? parts[0])?.handle;
  };
  const [database = file, wal] = [handleOf('database'), hasItsLog ? handleOf('wal') : undefined];
  const copy = await copyParts(database, wal, folder);
  return copy === null ? null : settle(copy);
}

/** A database and its log as they stand at one moment; `null` where they were written all the while. */
async function copyParts(database: string, wal: string | undefined, folder: string): Promise<string | null> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const parts = [database, ...(wal === undefined ? [] : [wal])];
  const copy = path.join(folder, 'claude-mem.db');
  for (let tries = 0; tries < TRIES; tries += 1) {
    const before = await marksOf(parts);
    await keepBytes(database, copy);
    if (wal !== undefined) await keepBytes(wal, `${copy}-wal`);
    if ((await marksOf(parts)) === before) return copy;
  }
  return null;
}

async function marksOf(files: readonly string[]): Promise<string> {
  const stats = await Promise.all(files.map((file) => stat(file, { bigint: true })));
  return stats.map(({ size, mtimeNs }) => `${size}:${mtimeNs}`).join();
}

/** With its log folded in, so that it is one file. */
export function settle(copy: string): string {
  const database = new Database(copy, { fileMustExist: true });
  try {
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.pragma('journal_mode = DELETE');
    const [problem] = (database.pragma('quick_check(1)') as { readonly quick_check: string }[]).map((line) => line.quick_check);
    if (problem !== 'ok') throw new Error(`what was copied is damaged: ${problem}`);
  } finally {
    database.close();
  }
  return copy;
}
