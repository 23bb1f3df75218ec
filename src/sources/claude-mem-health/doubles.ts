import type { Database } from 'better-sqlite3';
import { MEM_COLUMNS, type MemTable } from '../../kinds/claude-mem/tables.ts';
import type { Ailment } from './ailment.ts';
import { keepDatabase } from './keep-copy.ts';
import { changeIn, columnsOf, lookInto } from './mem-tables.ts';

const TABLES: readonly { readonly table: string; readonly id: MemTable; readonly key: readonly string[] }[] = [
  { table: 'observations', id: 'observations', key: ['memory_session_id', 'created_at_epoch'] },
  { table: 'session_summaries', id: 'summaries', key: ['memory_session_id', 'created_at_epoch'] },
  { table: 'user_prompts', id: 'prompts', key: ['content_session_id', 'prompt_number', 'created_at_epoch'] },
];
/** Another number of the same: what claude-mem worked out anew. */
const LEFT_OUT = new Set(['content_hash', '@session']);

/** The same rows twice, as after a copied or overlapping database was synced by claude-mem itself. O(rows). */
export function lookForDoubles(file: string): Ailment | null {
  const found =
    lookInto(file, (database) => TABLES.map((table) => ({ table: table.table, count: doublesIn(database, table).length }))) ?? [];
  const some = found.filter(({ count }) => count > 0);
  const total = some.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  return {
    id: 'doubles',
    result: 'warn',
    severity: 'low',
    reason: `${total} ${total === 1 ? 'row stands' : 'rows stand'} twice in claude-mem’s database; Satchel carries them once`,
    evidence: some.map(({ table, count }) => `${table}: ${count}`),
    would: some.map(({ table, count }) => `remove ${count} of ${table} that are the same as another row in every column that counts`),
    advice: null,
    async repair(backups) {
      const backup = await keepDatabase(file, backups, 'claude-mem');
      const removed = changeIn(file, (database) => {
        let count = 0;
        for (const table of TABLES) {
          const removal = database.prepare(`DELETE FROM ${table.table} WHERE id = ?`);
          for (const id of doublesIn(database, table)) count += removal.run(id).changes;
        }
        return count;
      });
      return { type: 'done', lines: [`Removed ${removed} ${removed === 1 ? 'row' : 'rows'} that stood there twice.`], backup, rescued: [] };
    },
  };
}

/** Numbers of the rows to do without: of each set one stays, this machine’s own before one that was synced here. */
function doublesIn(database: Database, { table, id, key }: (typeof TABLES)[number]): number[] {
  const there = columnsOf(database, table);
  if (!there.has('id') || !key.every((column) => there.has(column))) return [];
  const same = [...new Set([...key, ...MEM_COLUMNS[id].keys()])].filter((column) => there.has(column) && !LEFT_OUT.has(column));
  const own = there.has('origin_device_id') ? 'origin_device_id IS NOT NULL, ' : '';
  const ranked = `SELECT id, row_number() OVER (PARTITION BY ${same.join(', ')} ORDER BY ${own}id) AS place FROM ${table}`;
  return database.prepare<[], number>(`SELECT id FROM (${ranked}) WHERE place > 1 ORDER BY id`).pluck().all();
}
