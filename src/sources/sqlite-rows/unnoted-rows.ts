import type { Row, RowValue } from '../../kinds/rows/row-body.ts';
import type { RowsContext } from './context.ts';
import { readRow } from './read-row.ts';
import { impliedRow } from './shown-form.ts';
import type { TableAccess } from './table-access.ts';
import type { TableShape } from './table-shape.ts';

/** What a row that shows this body would be called if it was found here, and nothing was known of it. */
export function foundName(shape: TableShape, body: Row): string | null {
  const { reference } = shape.profile;
  const shown = new Map<string, RowValue>();
  for (const column of [...shape.columns.map((each) => each.column), ...(reference === null ? [] : [reference.key])]) {
    const value = body.get(column);
    if (value !== undefined) shown.set(column, value);
  }
  return shape.profile.nameOf(impliedRow(shape, shown));
}

/**
 * Items whose rows were about to be written when the process before this one ended, and that would not be known again by their natural
 * keys: by what they would be called. O(what was interrupted), once.
 */
export async function unnotedRows(context: RowsContext, { shape }: TableAccess): Promise<ReadonlyMap<string, string>> {
  const { memory, profile } = context;
  const { id } = shape.profile;
  const known = memory.unnoted.get(id);
  if (known !== undefined) return known;
  const names = new Map<string, string>();
  for (const { item, shown, intended } of memory.interrupted.values()) {
    if (shown !== null || intended?.content == null || profile.tableOf(item.name) !== id) continue;
    const body = await readRow(context, item, intended.content);
    const name = body === null ? null : foundName(shape, body.row);
    if (name !== null && name !== item.name) names.set(name, item.name);
  }
  memory.unnoted.set(id, names);
  return names;
}
