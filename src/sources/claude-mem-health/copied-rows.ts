import type Database from 'better-sqlite3';
import { columnsOf } from './mem-tables.ts';

export const SESSIONS = 'sdk_sessions';
/** What tells a row of a table apart, whatever its number, in the order in which they are put back. Of all others every column does. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  [SESSIONS]: ['platform_source', 'content_session_id'],
  observations: ['memory_session_id', 'created_at_epoch', 'title', 'narrative', 'text'],
  session_summaries: ['memory_session_id', 'created_at_epoch', 'request'],
  user_prompts: ['content_session_id', 'prompt_number', 'created_at_epoch', 'prompt_text'],
  tool_uses: ['content_session_id', 'tool_use_id'],
};
/** What a row says of its own number and of its own sync. It gets others here, but for one that came from another device. */
export const OF_SYNC = new Set(['synced_at', 'origin_device_id', 'origin_local_id', 'sync_rev']);

/** Older releases have no such columns. */
const MAY_LACK = new Set(['platform_source', 'text']);

export type Cell = string | number | bigint | Uint8Array | null;
export type Cells = Record<string, Cell>;

/** The row as this database numbers what it refers to; `null` where its session is not there. */
export function resolved(copy: Along, database: Along, table: string, row: Cells): Cells | null {
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

export function rowBy(copy: Along, table: string, column: string, value: Cell | undefined): Cells | null {
  if (value == null || (column !== 'rowid' && !copy.columns(table).has(column))) return null;
  return copy.get(`SELECT * FROM ${table} WHERE ${column} = ? LIMIT 1`, value);
}

/** The row of the database that is this one by what tells rows apart. */
export function sameRow(copy: Along, database: Along, table: string, row: Cells): Cells | null {
  const key = keyOf(table, commonColumns(copy, database, table));
  return database.get(`SELECT * FROM ${table} WHERE ${equal(key)} LIMIT 1`, ...key.map((column) => row[column] ?? null));
}

export function commonColumns(copy: Along, database: Along, table: string): Set<string> {
  const there = database.columns(table);
  return new Set([...copy.columns(table)].filter((column) => there.has(column)));
}

/** A database of which many rows are looked up one by one. Integers are bigints. */
export interface Along {
  /** Of claude-mem's own rows, those that others refer to first. What SQLite, its searches and its own sync keep is made anew. */
  tables(): readonly string[];
  columns(table: string): ReadonlySet<string>;
  get(sql: string, ...values: readonly Cell[]): Cells | null;
  numbers(sql: string): number[];
  run(sql: string, ...values: readonly Cell[]): void;
  /** What columns hold where nobody said anything, as text; those that hold nothing then are left out. */
  untouched(table: string): ReadonlyMap<string, string>;
}

interface ColumnDefault {
  readonly name: string;
  readonly dflt_value: string | null;
}

export function along(database: Database.Database): Along {
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
    numbers: (sql) => database.prepare<[], number>(sql).pluck().all(),
    run: (sql, ...values) => void prepared(sql).run(...values),
    untouched(table) {
      const columns = database.prepare<[string], ColumnDefault>('SELECT name, dflt_value FROM pragma_table_info(?)').all(table);
      return new Map(columns.flatMap(({ name, dflt_value: text }) => (text === null ? [] : [[name, text.replace(/^'(.*)'$/, '$1')]])));
    },
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
export function keyOf(table: string, there: ReadonlySet<string>): string[] {
  const key = KEYS[table]?.filter((column) => there.has(column) || !MAY_LACK.has(column));
  return key?.every((column) => there.has(column)) === true ? key : [...there].filter((column) => column !== 'id' && !OF_SYNC.has(column));
}

export function equal(columns: readonly string[]): string {
  return columns.map((column) => `"${column}" IS ?`).join(' AND ');
}
