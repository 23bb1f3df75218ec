import { describe, expect, it } from 'vitest';
import type { Content } from '../../core/content.ts';
import type { Row, RowValue } from '../../kinds/rows/row-body.ts';
import { madeFromHeld, madeFromUnread } from './held-base.ts';

type Cells = Readonly<Record<string, RowValue>>;

const rowOf = (cells: Cells): Row => new Map(Object.entries({ title: 'Milk', ...cells }));

/** What is made of a device's words, which had others before, where the row was these, the newest first. `null` bodies cannot be read. */
async function made(held: Cells, says: Cells, was: readonly (Cells | null)[]) {
  const contents = was.map((_, at) => ({ digest: String(at) }) as unknown as Content);
  const rows = {
    said: async () => contents,
    rowOf: async ({ digest }: Content) => {
      const cells = was[Number(digest)] ?? null;
      return cells === null ? null : rowOf(cells);
    },
  };
  const row = { name: 'an item', row: rowOf(says), held: rowOf(held) };
  const from = await madeFromHeld('observation', row, rowOf(was[0] ?? {}), rows);
  if (from === null) return null;
  const { base, isNews, told } = from;
  return {
    base: base?.digest ?? null,
    isNews,
    cells: Object.fromEntries(from.row),
    told: told === undefined ? 'as it is' : (told?.digest ?? null),
  };
}

const edited = (cells: Cells): Cells => ({ title: 'Milk', ...cells });

describe('what a row is made from that its device tells of again', () => {
  it('is nothing else where the space says what the device had, or has by now', async () => {
    expect(await made({ subtitle: 'a' }, { subtitle: 'b' }, [{ subtitle: 'a' }])).toBeNull();
    expect(await made({ subtitle: 'a' }, { subtitle: 'b' }, [{ subtitle: 'b' }, { subtitle: 'x' }])).toBeNull();
  });

  it('is what is there, where nobody else changed what it edits; clients are told again', async () => {
    const was = [{ subtitle: 'a', text: 'theirs' }, { text: 'theirs' }, null];
    const from = { base: '0', isNews: true, cells: edited({ subtitle: 'b', text: 'theirs' }), told: '1' };
    // No state ever said what the device did: it was merged before anybody saw it.
    expect(await made({ subtitle: 'a', text: 'old' }, { subtitle: 'b', text: 'old' }, was)).toEqual(from);
    expect(await made({ subtitle: 'a', text: 'old' }, { subtitle: 'b', text: 'old' }, was.slice(0, 1))).toEqual({ ...from, told: null });
  });

  it('is no news where it says what others say, who changed more', async () => {
    const was = [{ subtitle: 'b', text: 'theirs' }, { subtitle: 'a' }];
    expect(await made({ subtitle: 'a' }, { subtitle: 'b' }, was)).toMatchObject({ base: '0', isNews: false, told: '1' });
  });

  it('is a state of what the device had, where others changed what it edits', async () => {
    const was = [{ subtitle: 'theirs', text: 't' }, { subtitle: 'a', text: 't' }, { subtitle: 'a' }];
    const from = { isNews: true, told: 'as it is' };
    expect(await made({ subtitle: 'a' }, { subtitle: 'b' }, was)).toEqual({ ...from, base: '2', cells: edited({ subtitle: 'b' }) });
  });

  it('is not known where no state had it', async () => {
    const was = [{ subtitle: 'theirs' }, { subtitle: 'x' }];
    expect(await made({ subtitle: 'a' }, { subtitle: 'b' }, was)).toMatchObject({ base: null, isNews: true });
  });

  it('spells lists as they were', async () => {
    const was = [{ facts: '["f", "g"]', text: 'theirs' }, { facts: '["f", "g"]' }];
    const from = await made({ facts: '["f","g"]' }, { facts: '["f","g"]', subtitle: 'b' }, was);
    expect(from).toMatchObject({ base: '0', cells: { facts: '["f", "g"]', subtitle: 'b', text: 'theirs' } });
  });
});

it('where what is there cannot be read, a row is made from what its device had, if a state tells that', async () => {
  const was = [null, rowOf({ subtitle: 'a', text: 't' }), rowOf({ subtitle: 'x' })];
  const rows = {
    said: async () => was.map((_, at) => ({ digest: String(at) }) as unknown as Content),
    rowOf: async ({ digest }: Content) => was[Number(digest)] ?? null,
  };
  const says = (held: Cells) => ({ name: 'an item', held: rowOf(held), row: rowOf({ ...held, subtitle: 'b' }) });
  const from = await madeFromUnread('observation', says({ subtitle: 'a', text: 't' }), rows);
  expect(from).toMatchObject({ base: { digest: '1' }, isNews: true });
  expect(from?.row).toEqual(rowOf({ subtitle: 'b', text: 't' }));
  expect(await madeFromUnread('observation', says({ subtitle: 'other' }), rows)).toBeNull();
});
