import { hash } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import type { Row, RowValue } from '../../kinds/rows/row-body.ts';
import { createRevisions, type Revisions } from './raise-revisions.ts';
import { quoted, type TableShape } from './table-shape.ts';

/** A row as it stands in the database. */
export interface FoundRow {
  readonly rowid: number;
  /** Carried columns; NULLs are left out. */
  readonly row: Row;
  /** The row that it refers to, by rowid. `nobody`: it names one that is not there. `null`: none. */
  readonly parent: number | 'nobody' | null;
  /** Of all that was read. */
  readonly digest: string;
  /** What it is as an item, where that was worked out elsewhere: under the name `parent` of the row that it refers to. */
  readonly ready?: { readonly parent: string | null; readonly natural: string | null; readonly body: Uint8Array };
}

/** The statements on one table. Every one names its columns. All are synchronous. */
export interface TableAccess {
  readonly shape: TableShape;
  /** Rows behind `after`, in the order of their rowids. */
  page(after: number, limit: number): FoundRow[];
  /** The last rows up to one, in the order of their rowids. */
  before(until: number, limit: number): FoundRow[];
  at(rowid: number): FoundRow | null;
  has(rowid: number): boolean;
  /** The row that a row with this body would take the place of, as the profile knows it. */
  standInFor(body: Row): FoundRow | null;
  /** A row that holds these values, by local column. */
  rowidWith(values: ReadonlyMap<string, RowValue | null>): number | null;
  /** Ascending. Cost: some 0.1 µs a row. */
  rowids(): number[];
  count(): number;
  /** The last rowid that was used; where the table says so, also by rows that are gone. 0: none. */
  lastRowid(): number;
  /** The last number that was given out, also to rows that are gone, which nothing takes back; `null` where the table does not keep it. */
  lastNumber(): number | null;
  /** Values by local column; returns the rowid, which is the next one where none is given. Columns that are left out get their default. */
  insert(values: ReadonlyMap<string, RowValue | null>, rowid: number | null): number;
  /** How many of `rows` rows of so many columns go into one statement best: many at once, and as many as others before. */
  together(rows: number, columns: number): number;
  /** Rows of the same columns, in one statement, all or none. */
  insertAll(rows: readonly { readonly rowid: number; readonly values: ReadonlyMap<string, RowValue | null> }[]): void;
  /** It has another revision then, where it has any. */
  update(rowid: number, values: ReadonlyMap<string, RowValue | null>): void;
  readonly revisions: Revisions | null;
  remove(rowid: number): void;
  /** What rows that refer to this one would have to hold in `local`; `undefined`: there is no such row. */
  valueAt(rowid: number, local: string): RowValue | null | undefined;
  /** Rows that refer to a row whose `via.equals` has this value. */
  countReferring(value: RowValue): number;
  /** Has all rows refer to what holds another value by now. */
  follow(from: RowValue, to: RowValue): void;
}

/** Statements of so many rows are kept; of other lengths there are too many. */
const KEPT_ROWS = [500, 100];
/** Values that one statement takes (SQLite's own limit). */
const MOST_VALUES = 32_766;

type Raw = bigint | number | string | Uint8Array | null;

export function createTableAccess(database: Database, shape: TableShape): TableAccess {
  const { columns, via } = shape;
  const table = quoted(shape.profile.table);
  const selected = [
    't.rowid',
    ...(via === null ? ['NULL', 'NULL'] : [`t.${quoted(via.column)}`, 'p.rowid']),
    ...columns.map(({ local }) => `t.${quoted(local)}`),
  ];
  const join = via === null ? '' : ` LEFT JOIN ${quoted(via.table)} p ON p.${quoted(via.equals)} = t.${quoted(via.column)}`;
  const from = `SELECT ${selected.join(', ')} FROM ${table} t${join}`;
  const query = (tail: string) => database.prepare<unknown[], Raw[]>(`${from} ${tail}`).raw();
  const pageQuery = query('WHERE t.rowid > ? ORDER BY t.rowid LIMIT ?');
  const beforeQuery = query('WHERE t.rowid <= ? ORDER BY t.rowid DESC LIMIT ?');
  const atQuery = query('WHERE t.rowid = ?');
  const hasQuery = database.prepare(`SELECT 1 FROM ${table} WHERE rowid = ?`);
  const rowidsQuery = database.prepare<[], bigint>(`SELECT rowid FROM ${table} ORDER BY rowid`).pluck();
  const countQuery = database.prepare<[], bigint>(`SELECT count(*) FROM ${table}`).pluck();
  const lastQuery = database.prepare<[], bigint | null>(`SELECT max(rowid) FROM ${table}`).pluck();
  const hasSequences = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").get() !== undefined;
  const sequenceQuery = hasSequences ? database.prepare<[string], bigint>('SELECT seq FROM sqlite_sequence WHERE name = ?').pluck() : null;
  const definition = database.prepare<[string], string>("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?").pluck();
  const keepsNumbers = hasSequences && /\bautoincrement\b/i.test(definition.get(shape.profile.table) ?? '');
  const removal = database.prepare(`DELETE FROM ${table} WHERE rowid = ?`);
  const revisions = createRevisions(database, shape.profile);
  const statements = new Map<string, Statement>();
  const prepared = (sql: string): Statement => {
    const known = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, known);
    return known;
  };

  const rowOf = (raw: readonly Raw[]): Row => {
    const row = new Map<string, RowValue>();
    for (const [index, { column }] of columns.entries()) {
      const value = fromRaw(raw[index + 3] ?? null);
      if (value !== null) row.set(column, value);
    }
    return row;
  };
  const toFound = (raw: readonly Raw[]): FoundRow => {
    const [rowid, named, parent] = raw;
    let row: Row | null = null;
    return {
      rowid: Number(rowid),
      // Most rows are as they were: nobody asks for more than their digest.
      get row() {
        row ??= rowOf(raw);
        return row;
      },
      parent: named === null || named === undefined ? null : parent === null || parent === undefined ? 'nobody' : Number(parent),
      digest: digestOf(raw),
    };
  };

  return {
    shape,
    page: (after, limit) => pageQuery.all(after, limit).map(toFound),
    before: (until, limit) => beforeQuery.all(until, limit).map(toFound).reverse(),
    at(rowid) {
      const raw = atQuery.get(rowid);
      return raw === undefined ? null : toFound(raw);
    },
    standInFor(body) {
      const { standIns } = shape.profile;
      const local = columns.find(({ column }) => column === standIns?.column)?.local;
      const value = standIns === null ? undefined : body.get(standIns.column);
      if (standIns === null || local === undefined || value === undefined) return null;
      const raw = prepared(`${from} WHERE t.${quoted(local)} = ? LIMIT 1`)
        .raw()
        .get(value) as Raw[] | undefined;
      const found = raw === undefined ? null : toFound(raw);
      return found !== null && standIns.isOne(found.row) ? found : null;
    },
    has: (rowid) => hasQuery.get(rowid) !== undefined,
    rowidWith(values) {
      const where = [...values.keys()].map((name) => `${quoted(name)} IS ?`).join(' AND ');
      const rowid = prepared(`SELECT rowid FROM ${table} WHERE ${where} LIMIT 1`)
        .pluck()
        .get(...values.values());
      return rowid === undefined ? null : Number(rowid);
    },
    rowids: () => rowidsQuery.all().map(Number),
    count: () => Number(countQuery.get()),
    lastRowid: () => Math.max(Number(lastQuery.get() ?? 0), Number(sequenceQuery?.get(shape.profile.table) ?? 0)),
    lastNumber: () => (keepsNumbers ? Number(sequenceQuery?.get(shape.profile.table) ?? 0) : null),
    insert(values, rowid) {
      const names = ['rowid', ...[...values.keys()].map(quoted)];
      const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
      return Number(prepared(sql).run(rowid, ...values.values()).lastInsertRowid);
    },
    together: (rows, of) => Math.min(KEPT_ROWS.find((kept) => kept <= rows) ?? rows, Math.floor(MOST_VALUES / (of + 1))),
    insertAll(rows) {
      const names = ['rowid', ...[...(rows[0]?.values.keys() ?? [])].map(quoted)];
      const each = `(${names.map(() => '?').join(', ')})`;
      const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES ${rows.map(() => each).join(', ')}`;
      const statement: Statement = KEPT_ROWS.includes(rows.length) ? prepared(sql) : database.prepare(sql);
      statement.run(...rows.flatMap(({ rowid, values }) => [rowid, ...values.values()]));
    },
    update(rowid, values) {
      const revision = revisions?.next(rowid) ?? null;
      const cells = revisions === null || revision === null ? values : new Map([...values, [revisions.column, revision]]);
      const names = [...cells.keys()].map((name) => `${quoted(name)} = ?`);
      prepared(`UPDATE ${table} SET ${names.join(', ')} WHERE rowid = ?`).run(...cells.values(), rowid);
    },
    revisions,
    remove: (rowid) => void removal.run(rowid),
    valueAt(rowid, local) {
      const value = prepared(`SELECT ${quoted(local)} FROM ${table} WHERE rowid = ?`)
        .pluck()
        .get(rowid) as Raw | undefined;
      return value === undefined ? undefined : fromRaw(value);
    },
    countReferring: (value) =>
      via === null
        ? 0
        : Number(
            prepared(`SELECT count(*) FROM ${table} WHERE ${quoted(via.column)} = ?`)
              .pluck()
              .get(value),
          ),
    follow(from, to) {
      if (via === null) return;
      prepared(`UPDATE ${table} SET ${quoted(via.column)} = ? WHERE ${quoted(via.column)} = ?`).run(to, from);
    },
  };
}

function fromRaw(value: Raw): RowValue | null {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** 16 hex digits over all but the two rowids: tells whether a row changed, nothing more. */
function digestOf(raw: readonly Raw[]): string {
  let text = '';
  for (const [index, value] of raw.entries()) {
    if (index === 0 || index === 2) continue;
    if (value === null) text += 'n';
    else if (typeof value === 'string') text += `s${value.length}:${value}`;
    else if (value instanceof Uint8Array) text += `b${value.length}:${Buffer.from(value).toString('latin1')}`;
    else text += `i${value}`;
  }
  return hash('sha256', text, 'hex').slice(0, 16);
}
