import type { Content } from '../../core/content.ts';
import type { Item } from '../../core/item.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { decodeRow, type Row } from '../../kinds/rows/row-body.ts';
import type { RowsContext } from './context.ts';

/** The row that a content is; `null` where its body cannot be had now, or is no row. */
export async function readRow(
  context: RowsContext,
  item: Item,
  content: Content,
): Promise<{ readonly row: Row; readonly body: Uint8Array; readonly content: Content } | null> {
  try {
    const body = await context.workspace.read(item, content);
    const row = decodeRow(body);
    return row.ok ? { row: row.value, body, content } : null;
  } catch (error) {
    if (!(error instanceof BodyUnavailable)) throw error;
    return null;
  }
}
