import type { RowsContext } from './context.ts';
import { impliedRow, newBody } from './shown-form.ts';
import type { TableAccess } from './table-access.ts';
import { tablePages } from './table-pages.ts';

/**
 * Whether any row of the database is one that is known, by its place and all that it says, or by its natural key. None is in one that was made
 * anew. Cost: a page of rows in one that is known, else O(rows).
 */
export async function hasKnownRow({ memory, database }: RowsContext, tables: ReadonlyMap<string, TableAccess>): Promise<boolean> {
  const { index } = memory;
  /** Natural keys of rows that others refer to, by table and number. */
  const names = new Map<string, string>();
  for (const [table, access] of tables) {
    const { reference, nameOf } = access.shape.profile;
    for await (const page of tablePages(database, access)) {
      for (const found of page) {
        if (index.at(table, found.rowid)?.digest === found.digest) return true;
        const parent =
          reference === null || typeof found.parent !== 'number' ? null : (names.get(`${reference.table} ${found.parent}`) ?? null);
        const name = nameOf(impliedRow(access.shape, newBody(access.shape, found.row, parent)));
        if (name === null) continue;
        if (index.of(name) !== undefined) return true;
        names.set(`${table} ${found.rowid}`, name);
      }
    }
  }
  return false;
}

/**
 * Whether the numbers that the database gives out go on behind those of all rows that are known, and none of those is another row's: it is the
 * same database then, and what it lacks was deleted in it. Cost: O(rows that are known).
 */
export function goesOn({ memory: { index } }: RowsContext, tables: ReadonlyMap<string, TableAccess>): boolean {
  for (const [table, access] of tables) {
    const known = [...index.rows(table)];
    if (known.length === 0) continue;
    const last = access.lastNumber();
    if (last === null || known.some(([rowid]) => rowid > last)) return false;
    if (known.some(([rowid, { digest }]) => access.has(rowid) && access.at(rowid)?.digest !== digest)) return false;
  }
  return true;
}
