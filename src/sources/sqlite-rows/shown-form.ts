import { sameValue, type Row, type RowValue } from '../../kinds/rows/row-body.ts';
import { wasShown, type TableShape } from './table-shape.ts';

/**
 * The body that a row stands for by now: the difference between what was shown of `body` (with the columns in `mask`) and what is
 * found, laid on the whole of it. A column that was never shown is not taken for one that was cleared. `parent` is the name of the row
 * that it refers to; `undefined` where that is not known.
 */
export function layOn(body: Row, shape: TableShape, mask: string, found: Row, parent: string | null | undefined): Row {
  const { profile } = shape;
  const laid = new Map(body);
  const put = (column: string, value: RowValue | undefined): void => {
    if (value === undefined) laid.delete(column);
    else laid.set(column, value);
  };
  for (const { column, byDefault } of shape.columns) {
    const [held, now] = [body.get(column), found.get(column)];
    const shown = held ?? byDefault ?? undefined;
    if (!wasShown(mask, profile, column)) {
      // A release that was put in place since may have filled it in by itself.
      if (held === undefined && !(column in profile.derived) && !sameValue(now, byDefault ?? undefined)) put(column, now);
    } else if (!sameValue(shown, now) && !(held === undefined && column in profile.derived)) put(column, now);
  }
  if (profile.reference !== null && shape.via !== null && parent !== undefined) {
    const { key } = profile.reference;
    if (wasShown(mask, profile, key) || body.get(key) === undefined) put(key, parent ?? undefined);
  }
  return laid;
}

/** Whether a body holds what the columns that came with another release could show now, and do not. */
export function hidesMore(body: Row, shape: TableShape, mask: string, found: Row): boolean {
  if (mask === shape.mask) return false;
  return shape.columns.some(
    ({ column }) => !wasShown(mask, shape.profile, column) && body.has(column) && !sameValue(body.get(column), found.get(column)),
  );
}

/** The body of a row that is new: all that this table has of it. */
export function newBody(shape: TableShape, found: Row, parent: string | null): Row {
  const { reference } = shape.profile;
  return reference === null || parent === null ? found : new Map(found).set(reference.key, parent);
}

/** A new row with the columns that this table does not have, as far as they can be worked out. */
export function withDerived(shape: TableShape, row: Row, parent: Row | null): Row {
  const derived = shape.lacking.map((column) => [column, shape.profile.derived[column]?.(row, parent)] as const);
  return new Map([...row, ...derived.flatMap(([column, value]) => (value === undefined ? [] : [[column, value] as const]))]);
}

/** With what a table without such columns means to say: what its natural key is made of. */
export function impliedRow({ implied }: TableShape, row: Row): Row {
  return implied.length === 0 ? row : new Map([...implied, ...row]);
}

/** Whether a row may still be the one that a body tells of. */
export function isSameRow(body: Row, shape: TableShape, found: Row): boolean {
  return shape.columns.every(
    ({ column, byDefault }) =>
      !shape.profile.constant.includes(column) || sameValue(body.get(column) ?? byDefault ?? undefined, found.get(column)),
  );
}

/**
 * What is to stand in the columns of this table, by local name, to show a body. `undefined` values: whatever the table does by itself.
 * `reference` is the value of `via`, where it has one.
 */
export function formOf(body: Row, shape: TableShape, reference: RowValue | null): Map<string, RowValue | null | undefined> {
  const form = new Map<string, RowValue | null | undefined>();
  for (const { column, local, byDefault } of shape.columns) {
    form.set(local, body.get(column) ?? (byDefault === null ? null : undefined));
  }
  if (shape.via !== null) form.set(shape.via.column, reference);
  return form;
}
