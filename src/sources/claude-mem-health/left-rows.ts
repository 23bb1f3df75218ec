import Database from 'better-sqlite3';
import { along, equal, keyOf, OF_SYNC, resolved, rowBy, sameRow, type Along, type Cell, type Cells } from './copied-rows.ts';
import { fillColumns, lookForColumns } from './left-columns.ts';
import { changeIn, lookInto } from './mem-tables.ts';

/** Rows of a copy that nobody carries, by table, as the copy numbers them. */
export type LeftRows = Readonly<Record<string, readonly number[]>>;

export interface LeftLook {
  /** claude-mem.db */
  readonly file: string;
  /** Where they are. */
  readonly copy: string;
  readonly left: LeftRows;
  /** Those that its own sync brings back itself, by table, as the copy numbers them. */
  readonly sent: ReadonlyMap<string, ReadonlySet<number>>;
  /** The copy is of an earlier state of the database: what stands there under a row's number, made at the same time, is what became of it. */
  readonly isPast: boolean;
}

/** Rows of a copy without those that are `carried`, and without those that say the same as one of these. O(rows). */
export function listLeftRows(copy: string, carried: ReadonlyMap<string, ReadonlySet<number>>): LeftRows {
  const found = lookInto(copy, (open) => {
    const database = along(open);
    return database.tables().map((table): [string, number[]] => {
      const taken = carried.get(table) ?? new Set<number>();
      const rows = open.prepare<[], number>(`SELECT rowid FROM ${table}`).pluck().all();
      const others = rows.filter((rowid) => !taken.has(rowid));
      if (taken.size === 0 || others.length === 0) return [table, others];
      const key = keyOf(table, database.columns(table));
      const twins = open.prepare<Cell[], number>(`SELECT rowid FROM ${table} WHERE ${equal(key)}`).pluck();
      const hasTwin = (row: Cells | null): boolean =>
        twins.all(...key.map((column) => row?.[column] ?? null)).some((rowid) => taken.has(rowid));
      return [table, others.filter((rowid) => !hasTwin(rowBy(database, table, 'rowid', rowid)))];
    });
  });
  return Object.fromEntries((found ?? []).filter(([, rows]) => rows.length > 0));
}

/** What rows are counted as that are there without what the copy has in columns which nobody carries. */
const NOT_CARRIED = 'rows with columns that are not carried';

/** How many of them are not in the database, by table. All of them where there is none; nothing where the copy is gone. O(rows left). */
export function lookForLeftRows(look: LeftLook): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  lookInto(look.copy, (open) => {
    const copy = along(open);
    const wanted = wantedRows(copy, look);
    const missing = lookInto(look.file, (database) => missingRows(copy, along(database), wanted, look.isPast)) ?? wanted;
    for (const { table, rows } of missing) if (rows.length > 0) counts.set(table, rows.length);
    if (look.isPast) return;
    const columns =
      lookInto(look.file, (database) => lookForColumns(copy, along(database), look.left)) ?? lookForColumns(copy, null, look.left);
    if (columns > 0) counts.set(NOT_CARRIED, columns);
  });
  return counts;
}

export interface PutReport {
  readonly put: number;
  /** The session that they are of is not in the database, or they are not themselves, with columns that nobody carries. */
  readonly waiting: number;
  /** The database does not take them as they are. */
  readonly refused: number;
}

/** Puts those that are not there into the database, with all their columns that it has, in one transaction. Safe to repeat. O(rows left). */
export function putLeftRows(look: LeftLook): PutReport {
  const report = { put: 0, waiting: 0, refused: 0 };
  lookInto(look.copy, (open) =>
    changeIn(look.file, (changed) => {
      const [copy, database] = [along(open), along(changed)];
      const wanted = wantedRows(copy, look);
      for (const { table, rows } of wanted) {
        // One table after the other: rows find the sessions that came before them.
        const [missing] = missingRows(copy, database, [{ table, rows }], look.isPast);
        for (const rowid of missing?.rows ?? []) report[insert(copy, database, table, rowid)] += 1;
      }
      if (look.isPast) return;
      fillColumns(copy, database, look.left);
      report.waiting += lookForColumns(copy, database, look.left);
    }),
  );
  return report;
}

interface TableRows {
  readonly table: string;
  readonly rows: readonly number[];
}

function wantedRows(copy: Along, { left, sent }: LeftLook): TableRows[] {
  return copy.tables().flatMap((table) => {
    const rows = (left[table] ?? []).filter((rowid) => sent.get(table)?.has(rowid) !== true);
    return rows.length === 0 ? [] : [{ table, rows }];
  });
}

function missingRows(copy: Along, database: Along, wanted: readonly TableRows[], isPast: boolean): TableRows[] {
  return wanted.map(({ table, rows }) => {
    // Of a table that this release does not have, they wait for one that does.
    if (database.columns(table).size === 0) return { table, rows };
    return {
      table,
      rows: rows.filter((rowid) => {
        const row = rowBy(copy, table, 'rowid', rowid);
        const here = row === null ? null : resolved(copy, database, table, row);
        return (
          row !== null && (here === null || (sameRow(copy, database, table, here) === null && !(isPast && became(database, table, here))))
        );
      }),
    };
  });
}

/** Whether the row that has its number here was made when it was. */
function became(database: Along, table: string, row: Cells): boolean {
  const there = rowBy(database, table, 'id', row['id']);
  const made = ['created_at_epoch', 'started_at_epoch'].filter((column) => database.columns(table).has(column));
  return there !== null && made.length > 0 && made.every((column) => there[column] === row[column]);
}

function insert(copy: Along, database: Along, table: string, rowid: number): keyof PutReport {
  const there = database.columns(table);
  const row = rowBy(copy, table, 'rowid', rowid);
  const here = row === null || there.size === 0 ? null : resolved(copy, database, table, row);
  if (row === null || here === null) return 'waiting';
  const isOwn = (row['origin_device_id'] ?? null) === null;
  const cells = Object.entries(here).filter(([column]) => there.has(column) && column !== 'id' && !(isOwn && OF_SYNC.has(column)));
  const names = cells.map(([column]) => `"${column}"`);
  const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
  try {
    database.run(sql, ...cells.map(([, cell]) => cell));
    return 'put';
  } catch (error) {
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith('SQLITE_CONSTRAINT')) throw error;
    return error.code === 'SQLITE_CONSTRAINT_FOREIGNKEY' ? 'waiting' : 'refused';
  }
}
