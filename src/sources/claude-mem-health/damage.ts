import Database from 'better-sqlite3';
import type { Ailment } from './ailment.ts';
import { lookInto } from './mem-tables.ts';

/** What brings all rows that a space has into a database that claude-mem makes anew. */
export const MADE_ANEW =
  'Stop its worker, move claude-mem.db and what begins with its name away, start it again, and answer satchel pending with reject: the rows are written there again, but for those that go to no space (satchel claude-mem projects): they are in that file alone, so keep it. Where it syncs by itself, bring what it made itself back with satchel claude-mem repair';

/** Whether SQLite itself finds something wrong. O(size). */
export function lookForDamage(file: string): Ailment | null {
  const problems = problemsOf(file);
  if (problems.length === 0) return null;
  return {
    id: 'damage',
    result: 'fail',
    severity: 'high',
    reason: 'claude-mem’s database is damaged',
    evidence: problems.slice(0, 10),
    would: [],
    advice: MADE_ANEW,
    repair: null,
  };
}

function problemsOf(file: string): string[] {
  return saidOf(file, (database) => {
    const broken = database.prepare<[], { table: string; count: number }>(
      'SELECT "table", count(*) AS count FROM pragma_foreign_key_check GROUP BY 1',
    );
    const lost = broken.all().map(({ table, count }) => `${count} rows of ${table} refer to rows that are not there`);
    return [...malformed(database), ...lost];
  });
}

/** What SQLite finds wrong with how it is written, whatever its rows say; `null`: nothing. O(size). */
export function whyMalformed(file: string): string | null {
  return saidOf(file, malformed)[0] ?? null;
}

function malformed(database: Database.Database): string[] {
  const lines = (database.pragma('quick_check(10)') as { readonly quick_check: string }[]).map((line) => line.quick_check);
  return lines.filter((line) => line !== 'ok');
}

/** What it says of itself, or what reading it ends with. Nobody is waited for for long: it can be read then, or is not damaged. */
function saidOf(file: string, ask: (database: Database.Database) => string[]): string[] {
  try {
    return lookInto(file, ask) ?? [];
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    return error.code.startsWith('SQLITE_BUSY') || error.code.startsWith('SQLITE_LOCKED') ? [] : [error.message];
  }
}
