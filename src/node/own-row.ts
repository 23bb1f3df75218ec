import { shellWord } from '../config/private-file.ts';
import type { Content } from '../core/content.ts';
import type { Item } from '../core/item.ts';
import { claudeMemKind, mergeOfColumn } from '../kinds/claude-mem/claude-mem-kind.ts';
import { decodeRow, encodeRow, sameValue } from '../kinds/rows/row-body.ts';
import type { OpenSpace } from './node.ts';
import { OperationFailure } from './operations/operation.ts';
import { printable } from './printable.ts';

/**
 * Bytes that somebody gives for a row, as the row's body; of anything but a row as they are. Throws OperationFailure for what is no
 * row, or another one: no database could hold it in the place of this one. `current`: what is in place.
 */
export async function ownRow(open: OpenSpace, item: Item, current: Content | null, given: Uint8Array): Promise<Uint8Array> {
  if (item.kind !== claudeMemKind.id) return given;
  const remedy = `As it is now, to be edited: satchel show ${shellWord(printable(item.name))} --raw`;
  const row = decodeRow(given);
  if (!row.ok) throw new OperationFailure('usage', 'no-row', `what was given is no row of claude-mem: ${row.error}`, remedy);
  const held = current === null ? null : decodeRow(await open.replica.bodies.read(current));
  const other =
    held?.ok !== true
      ? undefined
      : [...held.value].find(([column, value]) => isFixed(item, column) && !sameValue(row.value.get(column), value));
  if (other !== undefined)
    throw new OperationFailure('usage', 'another-row', `${other[0]} says which row it is, and is not the same in what was given`, remedy);
  return encodeRow(row.value);
}

/** Not what anybody words, but what says which row it is and where it belongs. */
function isFixed({ name }: Item, column: string): boolean {
  return mergeOfColumn(name, column) === 'greatest';
}
