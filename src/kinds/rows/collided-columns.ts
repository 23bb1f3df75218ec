import { sameValue, type Row } from './row-body.ts';
import { mergeRows, type ColumnMerge } from './row-kind.ts';

/**
 * In which columns a row that a conflict kept stands against the one that was put in place then: those that both sides had changed. What both
 * started from was not written down; it is that ancestor from which a merge gives what was put in place, with the fewest columns, the latest of
 * these. `null` where there is none. `ancestors` of what was put in place, the latest first; `null`: there was nothing. Pure. O(ancestors × size).
 */
export function collidedColumns(
  ancestors: Iterable<Row | null>,
  inPlace: Row,
  kept: Row,
  mergeOf: (column: string) => ColumnMerge,
): readonly string[] | null {
  let fewest: readonly string[] | null = null;
  for (const base of ancestors) {
    const { merged, collisions } = mergeRows(base, inPlace, kept, mergeOf);
    if (collisions.length === 0 || !sameRow(merged, inPlace)) continue;
    if (fewest === null || collisions.length < fewest.length) fewest = collisions;
  }
  return fewest;
}

/** The row with these columns as another has them; one that it lacks goes. */
export function takeColumns(row: Row, other: Row, columns: readonly string[]): Row {
  const taken = new Map(row);
  for (const column of columns) {
    const value = other.get(column);
    if (value === undefined) taken.delete(column);
    else taken.set(column, value);
  }
  return taken;
}

export function sameRow(a: Row, b: Row): boolean {
  return a.size === b.size && [...a].every(([column, value]) => sameValue(value, b.get(column)));
}
