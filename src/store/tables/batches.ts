import type { StoreDialect } from '../dialect.ts';

/**
 * Cuts rows for inserts: full batches, and of what is left the largest power of two again and again, so that there are few
 * statements, which stay built and prepared.
 */
export function* insertBatches<T>(dialect: StoreDialect, columns: number, rows: readonly T[]): Generator<readonly T[]> {
  const most = Math.min(dialect.rowsPerInsert, Math.floor(dialect.maxParameters / columns));
  for (let start = 0; start < rows.length;) {
    const left = rows.length - start;
    const size = left >= most ? most : 2 ** Math.floor(Math.log2(left));
    yield rows.slice(start, start + size);
    start += size;
  }
}

/** The parameters of an insert of rows that all have the same columns, in the order of its text. */
export function valuesOf(rows: readonly object[]): unknown[] {
  const values: unknown[] = [];
  for (const row of rows) values.push(...(Object.values(row) as unknown[]));
  return values;
}

/** Cuts values for `in (…)`; `others` is the number of parameters that the statement has besides. */
export function* listBatches<T>(dialect: StoreDialect, values: readonly T[], others = 8): Generator<readonly T[]> {
  yield* slices(values, dialect.maxParameters - others);
}

/** The last of those that share a key, in the place of the first: PostgreSQL refuses to upsert a row twice in one statement. */
export function lastOfEach<T>(rows: readonly T[], keyOf: (row: T) => string): T[] {
  const byKey = new Map<string, T>();
  for (const row of rows) byKey.set(keyOf(row), row);
  return byKey.size === rows.length ? (rows as T[]) : [...byKey.values()];
}

function* slices<T>(rows: readonly T[], size: number): Generator<readonly T[]> {
  if (rows.length <= size) {
    if (rows.length > 0) yield rows;
    return;
  }
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size);
}
