import { expect, it } from 'vitest';
import { observationName, twinName } from '../../kinds/claude-mem/names.ts';
import { SESSION } from '../../kinds/claude-mem/tables.ts';
import { encodeRow, type Row } from '../../kinds/rows/row-body.ts';
import { createSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { createNameBook } from './name-book.ts';
import type { RowsOfSpace } from './rows-of-space.ts';

const session = 'claude-mem/sessions/claude/s1';
const row = (title: string): Row =>
  new Map<string, string | number>([
    [SESSION, session],
    ['title', title],
    ['narrative', 'n'],
    ['created_at_epoch', 1],
  ]);
const named = (title: string): string => observationName(session, { title, narrative: 'n', text: null, createdAtEpoch: 1 });

it('knows an item by the words that it has by now, from the space at first and from what it was told since', async () => {
  const store = await createSqliteStore({ path: ':memory:' });
  const there = new Map([
    [named('one'), row('ONE')],
    [named('two'), row('two')],
    [twinName(named('two'), encodeRow(row('two'))), row('two')],
  ]);
  let looks = 0;
  const rows = {
    under: (prefix: string) => {
      looks += 1;
      return Promise.resolve(new Map([...there].filter(([name]) => name.startsWith(prefix))));
    },
  } as unknown as RowsOfSpace;
  const book = await createNameBook({ store, user: 'me', rows });
  expect(book.of(named('ONE'))).toBe(named('one'));
  expect(book.of(named('two'))).toBe(named('two'));
  book.learn(named('two'), row('TWO'));
  book.learn(named('one'), row('one'));
  await book.save();
  expect(looks).toBe(3);

  const again = await createNameBook({ store, user: 'me', rows });
  expect(again.of(named('TWO'))).toBe(named('two'));
  expect(again.of(named('one'))).toBe(named('one'));
  expect(looks).toBe(3);
  await store.close();
});
