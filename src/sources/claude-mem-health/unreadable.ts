import { accessSync, constants, existsSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Ailment } from './ailment.ts';
import { holdersOf } from './holders.ts';

/** Why what stands where claude-mem keeps its database cannot be used now, though SQLite finds it in order, or was not let near it. */
export interface Unreadable {
  readonly type: 'no-file' | 'no-access' | 'locked' | 'another';
  readonly reason: string;
  readonly next: string;
}

/** One of them is in every database of claude-mem. */
const TABLES = ['sdk_sessions', 'observations', 'schema_versions'];
/** Milliseconds. As long as a transaction of its worker takes, many times over. */
const PATIENCE = 2_000;

/**
 * `null` where nothing is there, or an empty file: claude-mem makes its tables in it; also where SQLite finds it damaged. It must be one that may be
 * opened. Reads only. Milliseconds, or two seconds where somebody has locked it.
 */
export function whyUnreadable(file: string): Unreadable | null {
  if (!existsSync(file)) return null;
  const stat = statSync(file);
  if (!stat.isFile()) {
    const what = stat.isDirectory() ? 'a folder stands' : 'what is no file stands';
    return { type: 'no-file', reason: `${what} where claude-mem keeps its database: ${file}`, next: 'Move it away' };
  }
  if (stat.size === 0) return null;
  if (!isReadable(file)) return noAccess(file);
  try {
    return whatIsIn(file);
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    if (error.code.startsWith('SQLITE_BUSY') || error.code.startsWith('SQLITE_LOCKED')) return locked(file);
    return error.code.startsWith('SQLITE_CANTOPEN') || error.code.startsWith('SQLITE_READONLY') ? noAccess(file) : null;
  }
}

/** The same, as a state that `doctor` names. */
export function lookForUnreadable(file: string): Ailment | null {
  const found = whyUnreadable(file);
  if (found === null) return null;
  return {
    id: 'unreadable',
    result: 'fail',
    severity: 'high',
    reason: found.reason,
    evidence: [],
    would: [],
    advice: found.next,
    repair: null,
  };
}

function whatIsIn(file: string): Unreadable | null {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: PATIENCE });
  try {
    const tables = database.prepare<[], string>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    );
    const names = tables.pluck().all();
    if (names.length === 0 || names.some((name) => TABLES.includes(name))) return null;
    return {
      type: 'another',
      reason: `${file} is a database of another program: it has none of claude-mem’s tables`,
      next: 'Move it away, and start claude-mem’s worker: it makes its own',
    };
  } finally {
    database.close();
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function noAccess(file: string): Unreadable {
  return {
    type: 'no-access',
    reason: `claude-mem’s database cannot be read by this user: ${file}`,
    next: 'Give this user the right to read and write it and its folder',
  };
}

function locked(file: string): Unreadable {
  const [holder] = holdersOf(file) ?? [];
  const who = holder === undefined ? 'another program' : `process ${holder.pid} (${holder.program})`;
  return {
    type: 'locked',
    reason: `${who} has locked claude-mem’s database, so that nobody else can read it`,
    next: 'Wait until that is done, or end that program',
  };
}
