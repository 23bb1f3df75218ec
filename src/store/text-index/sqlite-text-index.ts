import { setImmediate as nextTurn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { SpaceId } from '../../core/ids.ts';
import { foundDigits } from '../../core/found-id.ts';
import { itemKey, type Item } from '../../core/item.ts';
import { IndexDamaged, SHELVES, type HeldItem, type IndexChange, type Passage, type TextIndex } from '../../core/ports/text-index.ts';
import { openSqliteFile } from '../sqlite/sqlite-file.ts';
import { StoreUnusable } from '../store-unusable.ts';
import { passagesAround, passagesOfItem, searchPassages, valuesOf, wordsWith } from './find-passages.ts';
import { prepareIndex } from './index-schema.ts';
import { toHeld, type ItemRow } from './item-row.ts';
import { foldWord, toIndexed } from './split-words.ts';

/** Characters that are indexed before others run, some 5 ms. */
const TURN = 96 * 1024;
/** A crash may cost the last of it, never the rest: what is lost is indexed again. */
const DURABILITY = 'normal';
const CACHE_KIB = 16_384;

/** The index in one SQLite file of its own, made where missing (0600), or in memory for `':memory:'`. Throws `IndexDamaged`. */
export function openTextIndex(path: string): TextIndex {
  return guarded(() => {
    const database = openSqliteFile(path);
    try {
      database.pragma(`synchronous = ${DURABILITY}`);
      database.pragma(`cache_size = -${CACHE_KIB}`);
      prepareIndex(database);
      return createTextIndex(database);
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function createTextIndex(database: Database.Database): TextIndex {
  const sql = prepareAll(database);
  const numberOf = (space: SpaceId): number | null => (sql.space.get(space) as { number: number } | undefined)?.number ?? null;
  const itemOf = (space: number, item: Item): NumberedRow | undefined =>
    sql.item.get(space, item.kind, item.name) as NumberedRow | undefined;

  function cut(item: number, keep: number): void {
    for (const { number } of sql.passagesBehind.all(item, keep) as { number: number }[]) sql.removeWords.run(number);
    sql.removePassages.run(item, keep);
  }

  function apply(space: number, change: IndexChange): void {
    if (change.type === 'remove') {
      const row = itemOf(space, change.item);
      if (row === undefined) return;
      cut(row.number, 0);
      sql.removeItem.run(row.number);
      return;
    }
    const { held, keep, passages } = change;
    const known = itemOf(space, held.item);
    if (known !== undefined && keep < known.passages) cut(known.number, keep);
    const values = [held.digest, held.bytes, held.prefix, keep + passages.length, held.machine, held.changed, held.isUnsettled ? 1 : 0];
    if (known !== undefined) sql.updateItem.run(...values, known.number);
    const number =
      known?.number ?? Number(sql.addItem.run(space, held.item.kind, held.item.name, calledOf(held.item), ...values).lastInsertRowid);
    for (const [index, passage] of passages.entries()) addPassage(number, keep + index + 1, passage);
  }

  function addPassage(item: number, ordinal: number, passage: Passage): void {
    const { shelf, type, project, session, time, title, start, length, text, tags } = passage;
    const place = [item, ordinal, SHELVES.indexOf(shelf), type, project, session, time, title, start, length];
    const { lastInsertRowid } = sql.addPassage.run(...place);
    if (title !== '' || text !== '' || tags !== '') sql.addWords.run(lastInsertRowid, toIndexed(title), toIndexed(text), toIndexed(tags));
  }

  async function write(space: SpaceId, changes: readonly IndexChange[], mark?: string): Promise<void> {
    sql.begin.run();
    try {
      sql.addSpace.run(space);
      const number = numberOf(space) as number;
      let size = 0;
      for (const change of changes) {
        // One change at a time may be large: its text is cut into passages, and so is the time it takes.
        const parts = change.type === 'put' ? partsOf(change) : [change];
        for (const part of parts) {
          apply(number, part);
          size += sizeOf(part);
          if (size < TURN) continue;
          size = 0;
          await nextTurn();
        }
      }
      if (mark !== undefined) sql.setMark.run(mark, number);
      sql.commit.run();
    } catch (error) {
      if (database.inTransaction) sql.rollback.run();
      throw error;
    }
  }

  const listed = (rows: unknown[]): Map<string, HeldItem> =>
    new Map((rows as ItemRow[]).map((row) => [itemKey({ kind: row.kind, name: row.name }), toHeld(row)]));

  return {
    mark: async (space) => guarded(() => (sql.space.get(space) as { mark: string | null } | undefined)?.mark ?? null),
    spaces: async () => guarded(() => (sql.spaces.all() as { id: string }[]).map(({ id }) => id as SpaceId)),
    held: async (space) => guarded(() => listed(sql.items.all(numberOf(space) ?? -1))),
    heldOf: async (space, items) =>
      guarded(() => {
        const number = numberOf(space) ?? -1;
        return listed(items.flatMap((item) => itemOf(number, item) ?? []));
      }),
    unsettled: async (space) => guarded(() => [...listed(sql.unsettled.all(numberOf(space) ?? -1)).values()]),
    called: async (space, digits) => guarded(() => sql.called.all(numberOf(space) ?? -1, digits, `${digits}~`) as Item[]),
    write: (space, changes, mark) => write(space, changes, mark).catch(rethrow),
    removeSpace: async (space) => {
      const held = guarded(() => listed(sql.items.all(numberOf(space) ?? -1)));
      await write(
        space,
        [...held.values()].map(({ item }) => ({ type: 'remove', item })),
      ).catch(rethrow);
      guarded(() => sql.removeSpace.run(space));
    },
    search: async (terms, options) => guarded(() => searchPassages(database, terms, options)),
    wordsWith: async (text, limit) => guarded(() => wordsWith(database, foldWord(text), limit)),
    passages: async (space, item, from, to) =>
      guarded(() => {
        const row = itemOf(numberOf(space) ?? -1, item);
        return row === undefined ? [] : passagesOfItem(database, row.number, from, to);
      }),
    around: async (passage, filter, count) => guarded(() => passagesAround(database, passage, filter, count)),
    values: async (of) => guarded(() => valuesOf(database, of)),
    close: async () => {
      database.close();
    },
  };
}

interface NumberedRow extends ItemRow {
  readonly number: number;
}

function prepareAll(database: Database.Database) {
  const prepare = (text: string): Database.Statement => database.prepare(text);
  return {
    begin: prepare('begin immediate'),
    commit: prepare('commit'),
    rollback: prepare('rollback'),
    space: prepare('select number, mark from spaces where id = ?'),
    spaces: prepare('select id from spaces'),
    addSpace: prepare('insert into spaces (id) values (?) on conflict do nothing'),
    removeSpace: prepare('delete from spaces where id = ?'),
    setMark: prepare('update spaces set mark = ? where number = ?'),
    items: prepare('select * from items where space = ?'),
    item: prepare('select * from items where space = ? and kind = ? and name = ?'),
    unsettled: prepare('select * from items where space = ? and unsettled = 1'),
    called: prepare('select kind, name from items where space = ? and called >= ? and called < ?'),
    addItem: prepare(
      'insert into items (space, kind, name, called, digest, bytes, prefix, passages, machine, changed, unsettled) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    updateItem: prepare(
      'update items set digest = ?, bytes = ?, prefix = ?, passages = ?, machine = ?, changed = ?, unsettled = ? where number = ?',
    ),
    removeItem: prepare('delete from items where number = ?'),
    addPassage: prepare(
      'insert into passages (item, ordinal, shelf, type, project, session, time, title, start, length) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    passagesBehind: prepare('select number from passages where item = ? and ordinal > ?'),
    removePassages: prepare('delete from passages where item = ? and ordinal > ?'),
    addWords: prepare('insert into words (rowid, title, text, tags) values (?, ?, ?, ?)'),
    removeWords: prepare('delete from words where rowid = ?'),
  };
}

/** Every part but the last leaves the item unfinished; all lie in one transaction. */
function* partsOf(change: IndexChange & { readonly type: 'put' }): Generator<IndexChange> {
  let [from, size] = [0, 0];
  for (const [index, { text }] of change.passages.entries()) {
    size += text.length;
    if (size < TURN || index === change.passages.length - 1) continue;
    yield { ...change, keep: change.keep + from, passages: change.passages.slice(from, index + 1) };
    [from, size] = [index + 1, 0];
  }
  yield { ...change, keep: change.keep + from, passages: change.passages.slice(from) };
}

/** So much of the digits as anybody types. */
function calledOf(item: Item): string {
  return foundDigits(item).slice(0, 16);
}

function sizeOf(change: IndexChange): number {
  return change.type === 'remove' ? 1024 : change.passages.reduce((sum, { text }) => sum + text.length + 512, 0);
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    return rethrow(error);
  }
}

function rethrow(error: unknown): never {
  const isDamage = error instanceof Database.SqliteError && (error.code.startsWith('SQLITE_CORRUPT') || error.code === 'SQLITE_NOTADB');
  const isUnreadable = error instanceof StoreUnusable && error.reason === 'damaged';
  throw isDamage || isUnreadable ? new IndexDamaged(error.message, { cause: error }) : error;
}
