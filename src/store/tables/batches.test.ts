import { describe, expect, it } from 'vitest';
import { sqliteDialect } from '../sqlite/sqlite-dialect.ts';
import { insertBatches } from './batches.ts';
import { namesByKind } from './by-kind.ts';

describe('the rows of a statement', () => {
  it('are full batches, then powers of two, all of them in their order', () => {
    for (const count of [0, 1, 2, 3, 99, 100, 101, 163, 250]) {
      const rows = Array.from({ length: count }, (_, index) => index);
      const batches = [...insertBatches(sqliteDialect, 9, rows)];
      expect(batches.flat()).toEqual(rows);
      for (const { length } of batches) expect([1, 2, 4, 8, 16, 32, 64, sqliteDialect.rowsPerInsert]).toContain(length);
    }
  });

  it('never have more parameters than the database takes', () => {
    const dialect = { ...sqliteDialect, maxParameters: 64 };
    for (const batch of insertBatches(dialect, 9, Array.from({ length: 500 }))) expect(batch.length * 9).toBeLessThanOrEqual(64);
  });

  it('look up each name, and nothing else', () => {
    for (const count of [1, 3, 64, 65, 1_025]) {
      const items = Array.from({ length: count }, (_, index) => ({ kind: index % 3 === 0 ? 'a' : 'b', name: `n${index}` }));
      const asked = [...namesByKind(sqliteDialect, items)].flatMap(({ kind, names }) =>
        [...new Set(names)].map((name) => ({ kind, name })),
      );
      expect(asked.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(items.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    }
  });
});
