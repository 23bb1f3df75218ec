import { describe, expect, it } from 'vitest';
import type { Content } from '../../core/content.ts';
import type { Row, RowValue } from '../../kinds/rows/row-body.ts';
import { madeFromHistory } from './unknown-base.ts';

type Cells = Readonly<Record<string, RowValue>>;

const rowOf = (cells: Cells): Row => new Map(Object.entries({ title: 'Milk', ...cells }));

/** What is made of the words of a device, where the row was these, the newest first. `null` bodies cannot be read. */
async function made(says: Cells, was: readonly (Cells | null)[], known: number | null = null) {
  const contents = was.map((_, at) => ({ digest: String(at) }) as unknown as Content);
  const rows = {
    versions: async () => contents,
    rowOf: async ({ digest }: Content) => {
      const cells = was[Number(digest)] ?? null;
      return cells === null ? null : rowOf(cells);
    },
  };
  const current = rowOf(was[0] ?? {});
  const told = known === null ? null : contents[known]!;
  const from = await madeFromHistory('observation', { name: 'an item', row: rowOf(says) }, { current, known: told }, rows);
  return from === null ? null : { base: from.base?.digest ?? null, isNews: from.isNews, cells: Object.fromEntries(from.row) };
}

describe('what a row is made from that its device tells of first', () => {
  it('is nothing else where it says what is there', async () => {
    expect(await made({ subtitle: 'b' }, [{ subtitle: 'b' }, { subtitle: 'a' }])).toBeNull();
  });

  it('is the oldest version, without any column that says what it said once', async () => {
    const was = [{ subtitle: 'c', text: 't' }, { subtitle: 'b', text: 't' }, { subtitle: 'a' }];
    expect(await made({ subtitle: 'b' }, was)).toEqual({ base: '2', isNews: false, cells: { title: 'Milk', subtitle: 'a' } });
    const edited = { base: '2', isNews: true, cells: { title: 'Milk', subtitle: 'a', facts: '["f"]' } };
    expect(await made({ subtitle: 'b', text: 't', facts: '["f"]' }, was)).toEqual(edited);
  });

  it('is not known where no column tells one version from another', async () => {
    const nobodyKnows = { base: null, isNews: true, cells: { title: 'Milk', subtitle: 'x' } };
    expect(await made({ subtitle: 'x' }, [{ subtitle: 'b' }, { subtitle: 'a' }])).toEqual(nobodyKnows);
    expect(await made({ subtitle: 'x' }, [{ subtitle: 'a' }])).toEqual(nobodyKnows);
    expect(await made({ subtitle: 'x' }, [{ subtitle: 'b' }, null])).toEqual(nobodyKnows);
  });

  it('is what was told, or captured before a crash, where that says the very same', async () => {
    const was = [{ subtitle: 'b', text: 't' }, { subtitle: 'b' }, { subtitle: 'x', text: 't' }];
    expect(await made({ subtitle: 'x', text: 't' }, was, 2)).toMatchObject({ base: '2', isNews: false });
  });

  it('spells lists as they were', async () => {
    const was = [{ subtitle: 'b', facts: '["f", "g"]' }, { facts: '["f", "g"]' }];
    expect(await made({ facts: '["f","g"]' }, was)).toMatchObject({ base: '1', isNews: false });
  });
});
