import type { Database } from 'better-sqlite3';
import type { Ailment } from './ailment.ts';
import { keepDatabase } from './keep-copy.ts';
import { changeIn, columnsOf, countOf, lookInto } from './mem-tables.ts';

const INDEXED = ['observations', 'session_summaries', 'user_prompts'];

/** Full-text indexes that lost touch with their tables: claude-mem’s search finds less than there is, or fails. O(rows). */
export function lookForFullText(file: string): Ailment | null {
  const off = lookInto(file, astray) ?? [];
  if (off.length === 0) return null;
  return {
    id: 'full-text',
    result: 'warn',
    severity: 'medium',
    reason: 'claude-mem’s search does not find all that there is: its full-text index is not that of its rows',
    evidence: off.map(({ table, unfound, stale }) => `${table}: ${unfound} rows are not in it, ${stale} are that are gone`),
    would: off.map(({ table }) => `make the full-text index of ${table} anew from its rows`),
    advice: null,
    async repair(backups) {
      const backup = await keepDatabase(file, backups, 'claude-mem');
      const made = changeIn(file, (database) => {
        const tables = astray(database);
        for (const { table } of tables) database.exec(`INSERT INTO ${table}_fts(${table}_fts) VALUES ('rebuild')`);
        return tables.length;
      });
      return { type: 'done', lines: [`Made ${made} full-text ${made === 1 ? 'index' : 'indexes'} anew.`], backup, rescued: [] };
    },
  };
}

function astray(database: Database): { readonly table: string; readonly unfound: number; readonly stale: number }[] {
  return INDEXED.flatMap((table) => {
    const sizes = `${table}_fts_docsize`;
    if (!columnsOf(database, sizes).has('id') || !columnsOf(database, table).has('id')) return [];
    const unfound = countOf(database, `SELECT count(*) FROM ${table} WHERE id NOT IN (SELECT id FROM ${sizes})`);
    const stale = countOf(database, `SELECT count(*) FROM ${sizes} WHERE id NOT IN (SELECT id FROM ${table})`);
    return unfound + stale === 0 ? [] : [{ table, unfound, stale }];
  });
}
