import type { Database } from 'better-sqlite3';
import type { RowValue } from '../../kinds/rows/row-body.ts';
import type { RevisionProfile, TableProfile } from './profile.ts';
import { quoted } from './table-shape.ts';

/** The numbers that the other program gives to states of rows. Inside a transaction; all are synchronous. */
export interface Revisions {
  readonly column: string;
  /** What a row that is being written is to have; `null`: it keeps what it has. */
  next(rowid: number): string | null;
  /** Of the rows whose `column` has this value. O(these rows). */
  raiseWith(column: string, value: RowValue): void;
}

interface Numbered {
  readonly at: bigint;
  readonly number: string | null;
}

/**
 * Of a row of this machine's own that is written, the other program is to tell under another number than before: what it told under one number
 * is one state, to all that heard of it. `null` where the table has no such columns.
 */
export function createRevisions(database: Database, { table, revisions }: Pick<TableProfile, 'table' | 'revisions'>): Revisions | null {
  if (revisions === null || !hasColumns(database, table, [revisions.column, revisions.origin])) return null;
  const [name, column, origin] = [table, revisions.column, revisions.origin].map(quoted);
  const own = `SELECT rowid AS "at", CAST(${column} AS TEXT) AS number FROM ${name} WHERE ${origin} IS NULL AND`;
  const find = database.prepare<[number], Numbered>(`${own} rowid = ?`);
  const update = database.prepare(`UPDATE ${name} SET ${column} = ? WHERE rowid = ?`);
  const follow = followsAlong(database, revisions.alongside);
  const raised = ({ at, number }: Numbered): string | null => {
    if (number === null || !/^\d+$/.test(number)) return null;
    const next = (BigInt(number) + 1n).toString();
    follow(at, number, next);
    return next;
  };
  return {
    column: revisions.column,
    next(rowid) {
      const found = find.get(rowid);
      return found === undefined ? null : raised(found);
    },
    raiseWith(by, value) {
      for (const found of database.prepare<[RowValue], Numbered>(`${own} ${quoted(by)} = ?`).all(value)) {
        const next = raised(found);
        if (next !== null) update.run(next, found.at);
      }
    },
  };
}

function followsAlong(
  database: Database,
  { table, of, kind, kinds, column }: RevisionProfile['alongside'],
): (rowid: bigint, from: string, to: string) => void {
  if (!hasColumns(database, table, [of, kinds, column])) return () => undefined;
  const update = database.prepare(
    `UPDATE ${quoted(table)} SET ${quoted(column)} = ? WHERE ${quoted(kinds)} = ? AND ${quoted(of)} = ? AND ${quoted(column)} = ?`,
  );
  return (rowid, from, to) => void update.run(to, kind, String(rowid), from);
}

function hasColumns(database: Database, table: string, columns: readonly string[]): boolean {
  const there = new Set(database.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table));
  return columns.every((column) => there.has(column));
}
