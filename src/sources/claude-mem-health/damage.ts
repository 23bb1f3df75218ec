import Database from 'better-sqlite3';
import type { Ailment } from './ailment.ts';
import { lookInto } from './mem-tables.ts';

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
    advice:
      'Stop its worker, move claude-mem.db and what begins with its name away, start it again, and answer satchel pending with reject: the rows are written there again, but for those that go to no space (satchel claude-mem projects): they are in the damaged file alone, so keep it. Where it syncs by itself, bring what it made itself back with satchel claude-mem repair',
    repair: null,
  };
}

function problemsOf(file: string): string[] {
  try {
    return (
      lookInto(file, (database) => {
        const lines = (database.pragma('quick_check(10)') as { readonly quick_check: string }[]).map((line) => line.quick_check);
        const broken = database.prepare<[], { table: string; count: number }>(
          'SELECT "table", count(*) AS count FROM pragma_foreign_key_check GROUP BY 1',
        );
        return [
          ...lines.filter((line) => line !== 'ok'),
          ...broken.all().map(({ table, count }) => `${count} rows of ${table} refer to rows that are not there`),
        ];
      }) ?? []
    );
  } catch (error) {
    if (error instanceof Database.SqliteError) return [error.message];
    throw error;
  }
}
