import type { Kind } from '../../core/merge/kind.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';
import { decodeRow, encodeRow, sameValue, type Row, type RowValue } from './row-body.ts';

/**
 * What becomes of a column that both sides changed differently: `ask`, a conflict; `greatest`, the larger value (numbers before
 * texts; a value before NULL), for counters, times and what is derived; an array: the one that stands later in it.
 */
export type ColumnMerge = 'ask' | 'greatest' | readonly string[];

export interface RowKindOptions {
  readonly id: string;
  readonly mergeOf: (name: string, column: string) => ColumnMerge;
  readonly groupOf: (name: string) => string | null;
}

/**
 * Rows of tables, merged by column. Without a base a column that one side lacks is one that its table lacks, so the result has the
 * columns of both. A body that is no row is one value. Cost: O(size).
 */
export function createRowKind({ id, mergeOf, groupOf }: RowKindOptions): Kind {
  return {
    id,
    deletable: true,
    appends: false,
    atomicGroups: false,
    groupOf,
    merge: (input) =>
      mergeThreeWay(input, (base, theirs, ours, name) => mergeBodies(base, theirs, ours, (column) => mergeOf(name, column))),
  };
}

function mergeBodies(
  baseBody: Uint8Array | null,
  theirsBody: Uint8Array,
  oursBody: Uint8Array,
  mergeOf: (column: string) => ColumnMerge,
): BodyOutcome {
  const base = baseBody === null ? null : decodeRow(baseBody);
  const [theirs, ours] = [decodeRow(theirsBody), decodeRow(oursBody)];
  if (!theirs.ok || !ours.ok || base?.ok === false) return { type: 'conflict', reason: 'a side is not a row' };
  const { merged, collisions } = mergeRows(base?.value ?? null, theirs.value, ours.value, mergeOf);
  const body = bodyOf(merged, [
    [theirs.value, theirsBody],
    [ours.value, oursBody],
  ]);
  if (collisions.length === 0) return { type: 'merged', body };
  const named = collisions.slice(0, 3).map((column) => (column.length > 40 ? `${column.slice(0, 39)}…` : column));
  return { type: 'conflict', body, reason: `both sides changed ${named.join(', ')}${collisions.length > 3 ? ', …' : ''}` };
}

/** The bytes of the side that means the same, if one does: foreign ones may be spelled otherwise. */
function bodyOf(row: Row, sides: readonly (readonly [Row, Uint8Array])[]): Uint8Array {
  const same = sides.find(([side]) => side.size === row.size && [...side].every(([column, value]) => sameValue(value, row.get(column))));
  return same?.[1] ?? encodeRow(row);
}

/** Column by column; `merged` holds theirs' value in the columns that collide. Pure. */
export function mergeRows(
  base: Row | null,
  theirs: Row,
  ours: Row,
  mergeOf: (column: string) => ColumnMerge,
): { readonly merged: Row; readonly collisions: readonly string[] } {
  const merged = new Map<string, RowValue>();
  const collisions: string[] = [];
  for (const column of new Set([...theirs.keys(), ...ours.keys()])) {
    const [b, t, o] = [base?.get(column), theirs.get(column), ours.get(column)];
    let value = t;
    if (base === null && (t === undefined || o === undefined)) value = t ?? o;
    else if (sameValue(t, o) || sameValue(b, o)) value = t;
    else if (sameValue(b, t) && base !== null) value = o;
    else {
      const rule = mergeOf(column);
      if (rule === 'ask') collisions.push(column);
      else value = chosen(rule, t, o);
    }
    if (value !== undefined) merged.set(column, value);
  }
  return { merged, collisions };
}

function chosen(rule: 'greatest' | readonly string[], a: RowValue | undefined, b: RowValue | undefined): RowValue | undefined {
  const order = rule === 'greatest' ? [] : rule;
  return rank(order, a, b) >= 0 ? a : b;
}

/** Positive where `a` comes later. Values that are listed come after those that are not. */
function rank(order: readonly string[], a: RowValue | undefined, b: RowValue | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  const places = [a, b].map((value) => (typeof value === 'string' ? order.indexOf(value) : -1));
  if (places[0] !== places[1]) return (places[0] ?? -1) - (places[1] ?? -1);
  const isNumber = (value: RowValue): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : Number(a > b);
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
  return Buffer.compare(bytesOf(a), bytesOf(b));
}

function bytesOf(value: RowValue): Buffer {
  return Buffer.from(value instanceof Uint8Array ? value : String(value));
}
