import { MEM_COLUMNS, type MemTable } from '../../kinds/claude-mem/tables.ts';
import { resolved, rowBy, sameRow, type Along, type Cells } from './copied-rows.ts';

const CARRIED_AS: Readonly<Record<string, MemTable>> = {
  sdk_sessions: 'sessions',
  observations: 'observations',
  session_summaries: 'summaries',
  user_prompts: 'prompts',
};
/** Numbers, and what is of one worker and its sync: they are others in another database. */
const OF_ONE = new Set([
  ...['id', 'memory_session_id', 'session_db_id', 'claude_session_id', 'sdk_session_id', 'worker_port'],
  ...['synced_at', 'origin_device_id', 'origin_local_id', 'sync_rev'],
]);

/** A row of the copy that says something in columns that nobody carries, and the same row here. */
interface Telling {
  readonly table: string;
  readonly columns: readonly string[];
  readonly row: Cells;
  /** `null`: it is not there. */
  readonly here: Cells | null;
}

/**
 * Of how many rows the database lacks what the copy has in columns that nobody carries; `null`: there is none. Those that are not there count as
 * long as none of them is: afterwards they were deleted, or say otherwise. O(rows with such columns).
 */
export function lookForColumns(copy: Along, database: Along | null, left: Readonly<Record<string, readonly number[]>>): number {
  const rows = tellingRows(copy, database, left);
  if (rows.every(({ here }) => here === null)) return rows.length;
  return rows.filter((row) => lackedBy(row, database).length > 0).length;
}

/** Puts them in, where nothing else was put there since. */
export function fillColumns(copy: Along, database: Along, left: Readonly<Record<string, readonly number[]>>): void {
  for (const telling of tellingRows(copy, database, left)) {
    const { table, row, here } = telling;
    for (const column of lackedBy(telling, database))
      database.run(`UPDATE ${table} SET "${column}" = ? WHERE id = ?`, row[column] ?? null, here?.['id'] ?? null);
  }
}

function lackedBy({ table, columns, row, here }: Telling, database: Along | null): string[] {
  if (here === null || database === null) return [];
  const untouched = database.untouched(table);
  return columns.filter((column) => {
    const now = here[column] ?? null;
    return (row[column] ?? null) !== null && row[column] !== now && (now === null || String(now) === untouched.get(column));
  });
}

function tellingRows(copy: Along, database: Along | null, left: Readonly<Record<string, readonly number[]>>): Telling[] {
  return Object.entries(CARRIED_AS).flatMap(([table, id]) => {
    const there = database?.columns(table) ?? copy.columns(table);
    const untouched = copy.untouched(table);
    const columns = [...copy.columns(table)].filter((name) => !OF_ONE.has(name) && !MEM_COLUMNS[id].has(name) && there.has(name));
    if (columns.length === 0) return [];
    const says = columns.map(
      (name) => `("${name}" IS NOT NULL AND CAST("${name}" AS TEXT) IS NOT '${(untouched.get(name) ?? '').replaceAll("'", "''")}')`,
    );
    const others = new Set(left[table]);
    return copy
      .numbers(`SELECT rowid FROM ${table} WHERE ${says.join(' OR ')}`)
      .filter((rowid) => !others.has(rowid))
      .flatMap((rowid) => {
        const row = rowBy(copy, table, 'rowid', rowid);
        const meant = row === null || database === null ? null : resolved(copy, database, table, row);
        return row === null
          ? []
          : [{ table, columns, row, here: meant === null || database === null ? null : sameRow(copy, database, table, meant) }];
      });
  });
}
