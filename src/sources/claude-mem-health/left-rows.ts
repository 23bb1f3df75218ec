import Database from 'better-sqlite3';
import { changeIn, columnsOf, lookInto } from './mem-tables.ts';

/** Rows of a copy that nobody carries, by table, as the copy numbers them. */
export type LeftRows = Readonly<Record<string, readonly number[]>>;

export interface LeftLook {
  /** claude-mem.db */
  readonly file: string;
  /** Where they are. */
  readonly copy: string;
  readonly left: LeftRows;
  /** Claude-mem syncs by itself: what it sent, or got, it brings back itself. */
  readonly syncsItself: boolean;
}

const SESSIONS = 'sdk_sessions';
/** What tells a row of a table apart, whatever its number, in the order in which they are put back. Of all others every column does. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  [SESSIONS]: ['platform_source', 'content_session_id'],
  observations: ['memory_session_id', 'created_at_epoch', 'title', 'narrative', 'text'],
  session_summaries: ['memory_session_id', 'created_at_epoch', 'request'],
  user_prompts: ['content_session_id', 'prompt_number', 'created_at_epoch', 'prompt_text'],
  tool_uses: ['content_session_id', 'tool_use_id'],
};
/** What a row says of its own number and of its own sync. It gets others here, but for one that came from another device. */
const OF_SYNC = new Set(['synced_at', 'origin_device_id', 'origin_local_id', 'sync_rev']);

/** Older releases have no such columns. */
const MAY_LACK = new Set(['platform_source', 'text']);

type Cell = string | number | bigint | Uint8Array | null;
type Cells = Record<string, Cell>;

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

/** How many of them are not in the database, by table. All of them where there is none; nothing where the copy is gone. O(rows left). */
export function lookForLeftRows(look: LeftLook): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  lookInto(look.copy, (open) => {
    const copy = along(open);
    const wanted = wantedRows(copy, look);
    const missing = lookInto(look.file, (database) => missingRows(copy, along(database), wanted)) ?? wanted;
    for (const { table, rows } of missing) if (rows.length > 0) counts.set(table, rows.length);
  });
  return counts;
}

export interface PutReport {
  readonly put: number;
  /** The session that they are of is not in the database. */
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
        const [missing] = missingRows(copy, database, [{ table, rows }]);
        for (const rowid of missing?.rows ?? []) report[insert(copy, database, table, rowid)] += 1;
      }
    }),
  );
  return report;
}

interface TableRows {
  readonly table: string;
  readonly rows: readonly number[];
}

function wantedRows(copy: Along, { left, syncsItself }: LeftLook): TableRows[] {
  const isBrought = (table: string, rowid: number): boolean => {
    const row = rowBy(copy, table, 'rowid', rowid);
    return (row?.['origin_device_id'] ?? null) !== null || Number(row?.['synced_at'] ?? -1) >= 0;
  };
  return copy.tables().flatMap((table) => {
    const rows = left[table] ?? [];
    const isSynced = syncsItself && copy.columns(table).has('synced_at');
    const wanted = isSynced ? rows.filter((rowid) => !isBrought(table, rowid)) : rows;
    return wanted.length === 0 ? [] : [{ table, rows: wanted }];
  });
}

function missingRows(copy: Along, database: Along, wanted: readonly TableRows[]): TableRows[] {
  return wanted.map(({ table, rows }) => {
    // Of a table that this release does not have, they wait for one that does.
    if (database.columns(table).size === 0) return { table, rows };
    return {
      table,
      rows: rows.filter((rowid) => {
        const row = rowBy(copy, table, 'rowid', rowid);
        const here = row === null ? null : resolved(copy, database, table, row);
        return row !== null && (here === null || sameRow(copy, database, table, here) === null);
      }),
    };
  });
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

/** The row as this database numbers what it refers to; `null` where its session is not there. */
function resolved(copy: Along, database: Along, table: string, row: Cells): Cells | null {
  if (table === SESSIONS) return row;
  const { session_db_id: id, memory_session_id: memory, content_session_id: content, observation_id: observation } = row;
  const session =
    rowBy(copy, SESSIONS, 'id', id) ??
    rowBy(copy, SESSIONS, 'memory_session_id', memory) ??
    rowBy(copy, SESSIONS, 'content_session_id', content);
  // What refers to nothing there does so here.
  const here = session === null ? undefined : sameRow(copy, database, SESSIONS, session);
  if (here === null || (memory != null && here?.['memory_session_id'] === null)) return null;
  const seen = rowBy(copy, 'observations', 'id', observation);
  const told = seen === null ? null : resolved(copy, database, 'observations', seen);
  return {
    ...row,
    ...(here === undefined || memory == null ? {} : { memory_session_id: here['memory_session_id'] ?? null }),
    ...(here === undefined || id == null ? {} : { session_db_id: here['id'] ?? null }),
    ...(observation == null
      ? {}
      : { observation_id: told === null ? null : (sameRow(copy, database, 'observations', told)?.['id'] ?? null) }),
  };
}

function rowBy(copy: Along, table: string, column: string, value: Cell | undefined): Cells | null {
  if (value == null || (column !== 'rowid' && !copy.columns(table).has(column))) return null;
  return copy.get(`SELECT * FROM ${table} WHERE ${column} = ? LIMIT 1`, value);
}

/** The row of the database that is this one by what tells rows apart. */
function sameRow(copy: Along, database: Along, table: string, row: Cells): Cells | null {
  const key = keyOf(table, commonColumns(copy, database, table));
  return database.get(`SELECT * FROM ${table} WHERE ${equal(key)} LIMIT 1`, ...key.map((column) => row[column] ?? null));
}

function commonColumns(copy: Along, database: Along, table: string): Set<string> {
  const there = database.columns(table);
  return new Set([...copy.columns(table)].filter((column) => there.has(column)));
}

/** A database of which many rows are looked up one by one. Integers are bigints. */
interface Along {
  /** Of claude-mem's own rows, those that others refer to first. What SQLite, its searches and its own sync keep is made anew. */
  tables(): readonly string[];
  columns(table: string): ReadonlySet<string>;
  get(sql: string, ...values: readonly Cell[]): Cells | null;
  run(sql: string, ...values: readonly Cell[]): void;
}

function along(database: Database.Database): Along {
  const columns = new Map<string, ReadonlySet<string>>();
  const statements = new Map<string, Database.Statement<Cell[], Cells>>();
  const prepared = (sql: string): Database.Statement<Cell[], Cells> => {
    const statement = statements.get(sql) ?? database.prepare<Cell[], Cells>(sql).safeIntegers();
    statements.set(sql, statement);
    return statement;
  };
  return {
    tables: () => tablesOf(database),
    columns(table) {
      const known = columns.get(table) ?? columnsOf(database, table);
      columns.set(table, known);
      return known;
    },
    get: (sql, ...values) => prepared(sql).get(...values) ?? null,
    run: (sql, ...values) => void prepared(sql).run(...values),
  };
}

function tablesOf(database: Database.Database): string[] {
  const all = database
    .prepare<[], string>("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    .pluck()
    .all()
    .filter((name) => /^[a-z_]+$/.test(name) && name !== 'schema_versions' && !/^(sqlite|sync)_/.test(name));
  const known = Object.keys(KEYS);
  return [...known.filter((table) => all.includes(table)), ...all.filter((table) => !known.includes(table)).sort()];
}

/** Columns that tell a row apart, of those that are there: all of them where a release calls those of the key otherwise. */
function keyOf(table: string, there: ReadonlySet<string>): string[] {
  const key = KEYS[table]?.filter((column) => there.has(column) || !MAY_LACK.has(column));
  return key?.every((column) => there.has(column)) === true ? key : [...there].filter((column) => column !== 'id' && !OF_SYNC.has(column));
}

function equal(columns: readonly string[]): string {
  return columns.map((column) => `"${column}" IS ?`).join(' AND ');
}
