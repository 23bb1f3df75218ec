import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { Ailment, Repaired } from './ailment.ts';
import { holdersOf, type Holder } from './holders.ts';
import { keepBytes } from './keep-copy.ts';

const TRIES = 20;

/** A worker that goes on with a database, or a write-ahead log, that has no name any more: it loses all that it saves when it ends. */
export function lookForHeldFile(file: string): Ailment | null {
  const holders = deletedHolders(file);
  if (holders.length === 0) return null;
  const isDatabase = holders.some(({ files }) => files.some(({ part, isDeleted }) => isDeleted && part === 'database'));
  const what = isDatabase ? 'a database that was deleted or replaced' : 'a write-ahead log that was deleted or replaced';
  return {
    id: 'open-file',
    result: 'fail',
    severity: 'high',
    reason: `claude-mem’s worker goes on with ${what}: what it saves is gone when it ends`,
    evidence: holders.map(
      ({ pid, program, files }) => `process ${pid} (${program}) has ${files.filter(({ isDeleted }) => isDeleted).length} such files open`,
    ),
    would: [
      'copy what the process has, before it ends',
      'take the rows of that copy in, from where they come into the database that is there now',
      'then: start claude-mem’s worker again, so that it opens that one',
    ],
    advice: null,
    repair: (backups) => rescue(file, backups),
  };
}

function deletedHolders(file: string): Holder[] {
  return (holdersOf(file) ?? []).filter(({ files }) => files.some(({ isDeleted }) => isDeleted));
}

async function rescue(file: string, backups: string): Promise<Repaired> {
  const rescued: string[] = [];
  const lines: string[] = [];
  for (const holder of deletedHolders(file)) {
    const copy = await copyHeld(holder, file, path.join(backups, `held-by-${holder.pid}`));
    if (copy === null)
      return {
        type: 'blocked',
        reason: `process ${holder.pid} is writing all the while`,
        next: 'Wait until claude-mem is quiet, and run this again',
      };
    rescued.push(copy);
    lines.push(`Copied what process ${holder.pid} has open to ${copy}.`);
  }
  if (rescued.length > 0) lines.push('Now start claude-mem’s worker again (npx claude-mem restart).');
  return { type: 'done', lines, backup: rescued[0] ?? null, rescued };
}

/** The database as the process sees it, as one sound file; `null` where it was written all the while. Throws where it is damaged. */
async function copyHeld({ files }: Holder, file: string, folder: string): Promise<string | null> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const database = files.find(({ part, isDeleted }) => part === 'database' && isDeleted) ?? files.find(({ part }) => part === 'database');
  const wal = files.find(({ part, isDeleted }) => part === 'wal' && isDeleted) ?? files.find(({ part }) => part === 'wal');
  const parts = [database?.handle ?? file, ...(wal === undefined ? [] : [wal.handle])];
  const copy = path.join(folder, 'claude-mem.db');
  for (let tries = 0; tries < TRIES; tries += 1) {
    const before = await marksOf(parts);
    await keepBytes(parts[0] as string, copy);
    if (parts[1] !== undefined) await keepBytes(parts[1], `${copy}-wal`);
    if ((await marksOf(parts)) === before) return settle(copy);
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
