import { createRowKind, type ColumnMerge } from '../rows/row-kind.ts';
import { sessionGroup, tableOfName } from './names.ts';
import { MEM_COLUMNS } from './tables.ts';

/** Rows of claude-mem's database. */
export const claudeMemKind = createRowKind({
  id: 'claude-mem',
  mergeOf: mergeOfColumn,
  groupOf: sessionGroup,
});

export function mergeOfColumn(name: string, column: string): ColumnMerge {
  const table = tableOfName(name);
  return (table === null ? undefined : MEM_COLUMNS[table].get(column)) ?? 'ask';
}
