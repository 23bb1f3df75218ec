import type { Database } from 'better-sqlite3';
import type { RowValue } from '../../kinds/rows/row-body.ts';
import type { RowsProfile, TableProfile } from './profile.ts';

/** A table as this database has it: what of its profile is there, and under which names. */
export interface TableShape {
  readonly profile: TableProfile;
  /** Carried columns that it has. `byDefault`: what a row gets that is inserted without. */
  readonly columns: readonly { readonly column: string; readonly local: string; readonly byDefault: RowValue | null }[];
  readonly via: Via | null;
  /** Columns that could be worked out and are not in this table. */
  readonly lacking: readonly string[];
  /** What a table without such columns means to say. */
  readonly implied: readonly (readonly [column: string, value: RowValue])[];
  /** Which columns of the profile these are, for notes: bit i for column i, the bit behind them for the reference. Hex. */
  readonly mask: string;
}

export interface Via {
  /** Local names of the column here and of the one that it is equal to, and that other table. */
  readonly column: string;
  readonly equals: string;
  readonly table: string;
}

/** The tables of a profile that a database has with all that their keys need. Cost: a few pragmas a table. */
export function readShapes(database: Database, profile: RowsProfile): Map<string, TableShape> {
  const shapes = new Map<string, TableShape>();
  for (const table of profile.tables) {
    const infos = new Map(columnsOf(database, table.table).map((info) => [info.name, info]));
    if (infos.size === 0) continue;
    const localName = (column: string): string | null => {
      const former = table.formerly[column];
      return infos.has(column) ? column : former !== undefined && infos.has(former) ? former : null;
    };
    const columns = table.columns.flatMap((column) => {
      const local = localName(column);
      return local === null ? [] : [{ column, local, byDefault: literal(infos.get(local)?.dflt_value ?? null) }];
    });
    const via = viaOf(database, profile, table, localName);
    if (table.reference !== null && via === null) continue;
    const bits = table.columns.map((column) => (localName(column) === null ? 0n : 1n));
    const mask = [...bits, via === null ? 0n : 1n].reduce((sum, bit, index) => sum | (bit << BigInt(index)), 0n);
    const lacks = (column: string): boolean => !columns.some((each) => each.column === column);
    const lacking = Object.keys(table.derived).filter(lacks);
    const implied = Object.entries(table.implied).filter(([column]) => lacks(column));
    shapes.set(table.id, { profile: table, columns, via, lacking, implied, mask: mask.toString(16) });
  }
  return shapes;
}

/** Whether rows noted under this mask were shown with a column, or with the reference. */
export function wasShown(mask: string, profile: TableProfile, column: string): boolean {
  const index = column === profile.reference?.key ? profile.columns.length : profile.columns.indexOf(column);
  return ((BigInt(`0x${mask}`) >> BigInt(index)) & 1n) === 1n;
}

export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function viaOf(
  database: Database,
  profile: RowsProfile,
  { reference }: TableProfile,
  localName: (column: string) => string | null,
): Via | null {
  const target = profile.tables.find(({ id }) => id === reference?.table);
  if (reference === null || target === undefined) return null;
  const there = new Set(columnsOf(database, target.table).map(({ name }) => name));
  for (const { column, equals } of reference.via) {
    const local = localName(column) ?? null;
    const other = there.has(equals) ? equals : (target.formerly[equals] ?? equals);
    if (local !== null && (there.has(other) || other === 'rowid')) return { column: local, equals: other, table: target.table };
  }
  return null;
}

interface ColumnInfo {
  readonly name: string;
  readonly dflt_value: string | null;
}

function columnsOf(database: Database, table: string): ColumnInfo[] {
  return database.prepare<[string], ColumnInfo>('SELECT name, dflt_value FROM pragma_table_info(?)').all(table);
}

/** The value of a simple default; `null` for none and for what has to be worked out. */
function literal(text: string | null): RowValue | null {
  if (text === null) return null;
  const string = /^'((?:[^']|'')*)'$/.exec(text)?.[1];
  if (string !== undefined) return string.replaceAll("''", "'");
  return /^-?\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : null;
}
