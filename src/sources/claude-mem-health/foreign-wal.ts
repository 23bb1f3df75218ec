import { copyFileSync, constants, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { Ailment, Repaired } from './ailment.ts';
import { blockedBy } from './ailment.ts';
import { settle } from './held-file.ts';
import { holdersOf, userOf } from './holders.ts';
import { keepBytes } from './keep-copy.ts';

/** A write-ahead log has that much before its first page. */
const WAL_HEADER = 32;
const TABLES = ['sdk_sessions', 'observations', 'session_summaries', 'user_prompts'];

/**
 * A write-ahead log that is not of the database beside it (the file was replaced, the log stayed): whoever opens them plays old pages
 * over new ones. Only where nobody has them open. Looks at copies; both files stay as they are. O(size of the database).
 */
export function lookForForeignWal(file: string): Ailment | null {
  if (!hasWal(file) || isOpen(file)) return null;
  const harm = harmOf(file);
  if (harm === null) return null;
  return {
    id: 'wal',
    result: 'fail',
    severity: 'high',
    reason: 'the write-ahead log beside the database is not of this database: whoever opens it undoes what is there',
    evidence: [harm],
    would: [
      'copy the database and the log',
      'move the log away, so that the database is what it is without',
      'take the rows in that only the log has, where it can be read',
    ],
    advice: null,
    repair: (backups) => setAside(file, backups),
  };
}

/**
 * Whether a database must not be opened as it stands. Cheap where its file was not touched after its log was, as when a program was
 * killed; else as {@link lookForForeignWal}.
 */
export function hasForeignWal(file: string): boolean {
  if (!hasWal(file)) return false;
  const [main, wal] = [statSync(file), statSync(`${file}-wal`)];
  if (main.ctimeMs <= wal.mtimeMs || isOpen(file)) return false;
  return harmOf(file) !== null;
}

function hasWal(file: string): boolean {
  const wal = statSync(`${file}-wal`, { throwIfNoEntry: false });
  return existsSync(file) && wal !== undefined && wal.size > WAL_HEADER;
}

/** Also by this very process: whoever has it open sees the two as one already. Where nobody can tell, its shared memory does. */
function isOpen(file: string): boolean {
  const holders = holdersOf(file, { withOwn: true });
  return holders === null ? userOf(file) !== null : holders.length > 0;
}

/** What the log does to the database; `null` for nothing that a log of its own would not. */
function harmOf(file: string): string | null {
  const folder = mkdtempSync(path.join(tmpdir(), 'satchel-wal-'));
  try {
    const [alone, both] = [path.join(folder, 'alone.db'), path.join(folder, 'both.db')];
    for (const copy of [alone, both]) copyFileSync(file, copy, constants.COPYFILE_FICLONE);
    copyFileSync(`${file}-wal`, `${both}-wal`);
    const [without, withLog] = [lookAt(alone), lookAt(both)];
    if (without.problem !== null) return null; // damaged by itself, or all of it is in the log still
    if (withLog.problem !== null) return `the database is sound without its log, and damaged with it: ${withLog.problem}`;
    const isOlder = statSync(file).ctimeMs > statSync(`${file}-wal`).mtimeMs;
    const lost = [...without.rows].filter((row) => !withLog.rows.has(row)).length;
    if (!isOlder || lost === 0) return null;
    return `the database was put there after the log was last written, and the log takes ${lost} of its ${without.rows.size} rows away`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Looked {
  readonly problem: string | null;
  /** What tells rows apart, whatever else changed in them. */
  readonly rows: ReadonlySet<string>;
}

function lookAt(copy: string): Looked {
  const rows = new Set<string>();
  let database: Database.Database | null = null;
  try {
    database = new Database(copy, { fileMustExist: true });
    const [problem = ''] = (database.pragma('quick_check(1)') as { readonly quick_check: string }[]).map((line) => line.quick_check);
    if (problem !== 'ok') return { problem, rows };
    if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sdk_sessions'").get() === undefined)
      return { problem: 'it has no tables of claude-mem', rows };
    for (const table of TABLES) {
      const time = table === 'sdk_sessions' ? 'started_at_epoch' : 'created_at_epoch';
      for (const key of database.prepare<[], string>(`SELECT id || ':' || ${time} FROM ${table}`).pluck().iterate())
        rows.add(`${table} ${key}`);
    }
    return { problem: null, rows };
  } catch (error) {
    if (error instanceof Database.SqliteError) return { problem: error.message, rows };
    throw error;
  } finally {
    database?.close();
  }
}

async function setAside(file: string, backups: string): Promise<Repaired> {
  const user = userOf(file);
  if (user !== null) return blockedBy(user);
  const kept = path.join(backups, 'claude-mem.db');
  await keepBytes(file, kept);
  await keepBytes(`${file}-wal`, `${kept}-wal`);
  const together = path.join(backups, 'with-its-log');
  await mkdir(together, { recursive: true, mode: 0o700 });
  const both = path.join(together, 'claude-mem.db');
  await keepBytes(file, both);
  await keepBytes(`${file}-wal`, `${both}-wal`);
  // All that there was is kept twice by now.
  await rm(`${file}-wal`, { force: true });
  await rm(`${file}-shm`, { force: true });
  const readable = isSound(both);
  const lines = [`The log is in ${kept}-wal; the database is what it is without.`];
  return { type: 'done', lines, backup: kept, rescued: readable ? [both] : [] };
}

function isSound(copy: string): boolean {
  if (lookAt(copy).problem !== null) return false;
  settle(copy);
  return true;
}
