import { itemKey } from '../../core/item.ts';
import type { View, ViewTable } from '../../core/ports/store.ts';
import { decodeContentLate, decodeContentOrNull, encodeContent, encodeContentOrNull } from '../content-codec.ts';
import type { ViewRow } from '../schema.ts';
import { insertBatches, lastOfEach } from './batches.ts';
import { namesByKind } from './by-kind.ts';
import type { TableScope } from './scope.ts';

const COLUMNS = ['kind', 'name', 'shown', 'intended', 'not_here', 'local'] as const;
const LOCAL_BYTES = 1024;
/** Names that are looked up one by one; for more all views are read. */
const MOST_RANGES = 64;

export function createViewTable(scope: TableScope): ViewTable {
  const { db, dialect } = scope;

  /** One look-up a kind. */
  async function kindsOf(number: number, writer: string): Promise<string[]> {
    const found: string[] = [];
    for (;;) {
      const last = found.at(-1);
      let rows = db.selectFrom('views').select('kind').where('space', '=', number).where('writer', '=', writer);
      if (last !== undefined) rows = rows.where('kind', '>', last);
      const next = await rows.orderBy('kind').limit(1).executeTakeFirst();
      if (next === undefined) return found;
      found.push(next.kind);
    }
  }

  async function listUnder(number: number, writer: string, under: readonly string[]): Promise<View[]> {
    const found = new Map<string, View>();
    for (const kind of await kindsOf(number, writer)) {
      const mine = db.selectFrom('views').select(COLUMNS).where('space', '=', number).where('writer', '=', writer).where('kind', '=', kind);
      const rows = under.length === 0 ? [] : await mine.where('name', 'in', under).execute();
      for (const name of under) {
        const below = mine.where('name', '>=', `${name}/`).where('name', '<', `${name}${AFTER_SLASH}`);
        rows.push(...(await below.execute()));
      }
      for (const row of rows) found.set(itemKey(row), rowToView(row));
    }
    return [...found.values()];
  }

  return {
    async list(space, writer, under) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      if (under !== undefined && under.length <= MOST_RANGES) return listUnder(number, writer, under);
      const rows = await db.selectFrom('views').select(COLUMNS).where('space', '=', number).where('writer', '=', writer).execute();
      const isAsked = under === undefined ? null : namesAtAndUnder(under);
      return rows.filter((row) => isAsked === null || isAsked(row.name)).map(rowToView);
    },

    async get(space, writer, items) {
      const views = new Map<string, View>();
      const number = await scope.numberOf(space);
      if (number === null) return views;
      for (const { kind, names } of namesByKind(dialect, items)) {
        const mine = db.selectFrom('views').select(COLUMNS).where('space', '=', number).where('writer', '=', writer);
        const rows = await mine.where('kind', '=', kind).where('name', 'in', names).execute();
        for (const row of rows) views.set(itemKey(row), rowToView(row));
      }
      return views;
    },

    async put(space, writer, views) {
      scope.writing(`views of ${writer}`);
      const number = await scope.numberFor(space);
      const rows = lastOfEach(views, (view) => itemKey(view.item));
      for (const batch of insertBatches(dialect, 8, rows)) {
        await db
          .insertInto('views')
          .values(batch.map((view) => viewToRow(number, writer, view)))
          .onConflict((conflict) =>
            conflict.columns(['space', 'writer', 'kind', 'name']).doUpdateSet((eb) => ({
              shown: eb.ref('excluded.shown'),
              intended: eb.ref('excluded.intended'),
              not_here: eb.ref('excluded.not_here'),
              local: eb.ref('excluded.local'),
            })),
          )
          .execute();
      }
    },

    async remove(space, writer, items) {
      scope.writing(`views of ${writer}`);
      const number = await scope.numberOf(space);
      if (number === null) return;
      for (const { kind, names } of namesByKind(dialect, items)) {
        const mine = db.deleteFrom('views').where('space', '=', number).where('writer', '=', writer);
        await mine.where('kind', '=', kind).where('name', 'in', names).execute();
      }
    },

    /** One look-up a writer. */
    async writers(space) {
      const found: string[] = [];
      const number = await scope.numberOf(space);
      if (number === null) return found;
      for (;;) {
        const last = found.at(-1);
        let rows = db.selectFrom('views').select('writer').where('space', '=', number);
        if (last !== undefined) rows = rows.where('writer', '>', last);
        const next = await rows.orderBy('writer').limit(1).executeTakeFirst();
        if (next === undefined) return found;
        found.push(next.writer);
      }
    },

    async clear(space, writer) {
      scope.writing(`views of ${writer}`);
      const number = await scope.numberOf(space);
      if (number === null) return;
      await db.deleteFrom('views').where('space', '=', number).where('writer', '=', writer).execute();
    },
  };
}

/** Sorts right behind every name that goes on with a slash. */
const AFTER_SLASH = String.fromCharCode('/'.charCodeAt(0) + 1);

function namesAtAndUnder(under: readonly string[]): (name: string) => boolean {
  const exact = new Set(under);
  return (name) => {
    if (exact.has(name)) return true;
    for (let cut = name.lastIndexOf('/'); cut > 0; cut = name.lastIndexOf('/', cut - 1)) if (exact.has(name.slice(0, cut))) return true;
    return false;
  };
}

function viewToRow(space: number, writer: string, { item, shown, intended, notHere, local }: View): ViewRow {
  if (local !== null && Buffer.byteLength(local) > LOCAL_BYTES) throw new RangeError(`a view's note is longer than ${LOCAL_BYTES} bytes`);
  return {
    space,
    writer,
    kind: item.kind,
    name: item.name,
    shown: shown === null ? null : encodeContent(shown),
    intended: intended === null ? null : encodeContentOrNull(intended.content),
    not_here: notHere,
    local,
  };
}

function rowToView(row: Omit<ViewRow, 'space' | 'writer'>): View {
  return {
    item: { kind: row.kind, name: row.name },
    shown: row.shown === null ? null : decodeContentLate(row.shown),
    intended: row.intended === null ? null : { content: decodeContentOrNull(row.intended) },
    notHere: row.not_here,
    local: row.local,
  };
}
