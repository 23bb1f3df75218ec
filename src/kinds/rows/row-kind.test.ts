import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRow, encodeRow, type Row, type RowValue } from './row-body.ts';
import { mergeRows, type ColumnMerge } from './row-kind.ts';

const RULES: { readonly [column: string]: ColumnMerge } = { n: 'greatest', status: ['active', 'failed', 'completed'] };
const merge = (base: Record<string, RowValue> | null, theirs: Record<string, RowValue>, ours: Record<string, RowValue>) => {
  const [b, t, o] = [base, theirs, ours].map((row) => row && new Map(Object.entries(row))) as [Row | null, Row, Row];
  const { merged, collisions } = mergeRows(b, t, o, (column) => RULES[column] ?? 'ask');
  return { merged: Object.fromEntries(merged), collisions };
};

describe('a row as a body', () => {
  const value = fc.oneof(
    fc.string(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
    fc.bigInt({ min: 1n << 53n, max: (1n << 63n) - 1n }),
    fc.uint8Array({ maxLength: 9 }),
  );
  const rows = fc.dictionary(fc.string(), value).map((columns): Row => new Map(Object.entries(columns)));

  it('comes back as it was, from the same bytes whatever the order', () => {
    fc.assert(
      fc.property(rows, (row) => {
        const body = encodeRow(row);
        const decoded = decodeRow(body);
        if (!decoded.ok) throw new Error(decoded.error);
        expect(decoded.value).toEqual(new Map([...row].map(([column, value]) => [column, Object.is(value, -0) ? 0 : value])));
        expect(encodeRow(new Map([...row].toReversed()))).toEqual(body);
      }),
    );
  });

  it('refuses what no cell holds', () => {
    for (const text of [
      '[]',
      '1',
      'x',
      '{"a":null}',
      '{"a":true}',
      '{"a":[]}',
      '{"a":{"int":"1"}}',
      '{"a":{"int":"99999999999999999999"}}',
    ])
      expect(decodeRow(Buffer.from(text)).ok).toBe(false);
    for (const text of ['{"a":{"blob":"!"}}', '{"a":12345678901234567890}', '{"a":{"int":"1","b":"c"}}', '{"a":{"real":"NaN"}}'])
      expect(decodeRow(Buffer.from(text)).ok).toBe(false);
  });
});

describe('rows merge by column', () => {
  it('takes each side’s changes, clearing a column included', () => {
    expect(merge({ a: 1, b: 1, c: 1 }, { a: 2, b: 1, c: 1 }, { a: 1, b: 3 })).toEqual({ merged: { a: 2, b: 3 }, collisions: [] });
  });

  it('keeps theirs where both changed a column, and says so', () => {
    expect(merge({ a: 1, b: 1 }, { a: 2, b: 2 }, { a: 3, b: 1 })).toEqual({ merged: { a: 2, b: 2 }, collisions: ['a'] });
  });

  it('without a base has the columns of both', () => {
    expect(merge(null, { a: 1, t: 1 }, { a: 1, o: 1 })).toEqual({ merged: { a: 1, t: 1, o: 1 }, collisions: [] });
  });

  it('lets counters and states only go on', () => {
    const base = { n: 1, status: 'active' };
    expect(merge(base, { n: 5, status: 'completed' }, { n: 3, status: 'failed' })).toEqual({
      merged: { n: 5, status: 'completed' },
      collisions: [],
    });
    expect(merge(base, { n: 3, status: 'failed' }, { n: 5, status: 'completed' }).merged).toEqual({ n: 5, status: 'completed' });
    expect(merge(base, { status: 'odd' }, { n: 2, status: 'failed' }).merged).toEqual({ n: 2, status: 'failed' });
  });
});
