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

/**
 * Removes what the worker's own sync brought of rows that this machine made, and that say the very same in every column that counts: that comes
 * where the worker was given them before it had sent them, and was led elsewhere before it heard that they are its own. Gives how many. O(rows);
 * safe to repeat, and while the worker goes on. Throws where the database cannot be read, or written.
 */
export function removeOwnBroughtAgain(file: string): number {
  const find = (database: Database): (readonly [table: string, ids: readonly number[]])[] =>
    TABLES.map((each) => [each.table, doublesIn(database, each, true)] as const);
  // Most have none, and need not be written.
  if ((lookInto(file, find) ?? []).every(([, ids]) => ids.length === 0)) return 0;
  return changeIn(file, (database) => {
    let count = 0;
    for (const [table, ids] of find(database))
      for (const id of ids) count += database.prepare(`DELETE FROM ${table} WHERE id = ?`).run(id).changes;
    return count;
  });
}

/** Numbers of the rows to do without: of each set one stays, this machine’s own before one that was synced here. `ofOwn`: of what was synced, beside an own one. */
function doublesIn(database: Database, { table, id, key }: (typeof TABLES)[number], ofOwn = false): number[] {
  const there = columnsOf(database, table);
  if (!there.has('id') || !key.every((column) => there.has(column))) return [];
  const same = [...new Set([...key, ...MEM_COLUMNS[id].keys()])].filter((column) => there.has(column) && !LEFT_OUT.has(column));
  if (ofOwn && !there.has('origin_device_id')) return [];
  const own = there.has('origin_device_id') ? 'origin_device_id IS NOT NULL, ' : '';
  const among = `PARTITION BY ${same.join(', ')}`;
  const isBeside = ofOwn ? `, origin_device_id IS NOT NULL AND max(origin_device_id IS NULL) OVER (${among})` : ', 1';
  const ranked = `SELECT id, row_number() OVER (${among} ORDER BY ${own}id) AS place${isBeside} AS counts FROM ${table}`;
  return database.prepare<[], number>(`SELECT id FROM (${ranked}) WHERE place > 1 AND counts ORDER BY id`).pluck().all();
}
