import type { RowsMemory } from './context.ts';
import { impliedRow, newBody } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';
import type { WriteContext } from './row-task.ts';

/** What other programs wrote since it was looked at last. */
export interface NewHere {
  /** Names of their natural keys. */
  readonly names: ReadonlySet<string>;
  /** Tables with such rows. */
  readonly tables: ReadonlySet<string>;
}

/** Looks through the rows behind those that were seen. Synchronous: inside the transaction that writes. O(new rows). */
export function lookForNew({ memory, limits }: WriteContext, tables: ReadonlyMap<string, TableAccess>): NewHere {
  const found = { names: new Set<string>(), tables: new Set<string>() };
  for (const access of tables.values()) {
    const { id } = access.shape.profile;
    let after = memory.seenTo.get(id) ?? -1;
    for (;;) {
      const rows = access.page(after, limits.batchRows);
      for (const row of rows) {
        if (memory.index.at(id, row.rowid) !== undefined || memory.index.skipped(id).has(row.rowid)) continue;
        found.tables.add(id);
        const name = naturalName(memory, access, row);
        if (name !== null) found.names.add(name);
      }
      after = rows.at(-1)?.rowid ?? after;
      if (rows.length < limits.batchRows) break;
    }
  }
  return found;
}

function naturalName({ index }: Pick<RowsMemory, 'index'>, { shape }: TableAccess, { row, parent }: FoundRow): string | null {
  const { reference, nameOf } = shape.profile;
  if (reference === null || typeof parent !== 'number') return nameOf(impliedRow(shape, row));
  const name = index.at(reference.table, parent)?.name;
  // The row that it refers to is new as well: so is what is written here, then, or it waits for that one.
  return name === undefined ? null : nameOf(impliedRow(shape, newBody(shape, row, name)));
}
