import { sql, type RawBuilder } from 'kysely';
import { itemKey } from '../../core/item.ts';
import type { View, ViewTable } from '../../core/ports/store.ts';
import { decodeContentLate, decodeContentOrNull, encodeContent, encodeContentOrNull } from '../content-codec.ts';
import type { ViewRow } from '../schema.ts';
import { insertBatches, lastOfEach, valuesOf } from './batches.ts';
import { KEPT_NAMES, namesByKind } from './by-kind.ts';
import type { TableScope } from './scope.ts';

const COLUMNS = ['kind', 'name', 'shown', 'intended', 'not_here', 'local'] as const;
const LOCAL_BYTES = 1024;
/** Names that are looked up one by one; for more all views are read. */
const MOST_RANGES = 64;

export function createViewTable(scope: TableScope): ViewTable {
  const { dialect, kept } = scope;

  /** One statement, kept by how many names it is for: with each sync a few names are asked for. */
  async function listUnder(number: number, writer: string, under: readonly string[]): Promise<View[]> {
    if (under.length === 0) return [];
    const mine = [number, writer];
    const parameters = [...mine, ...mine, ...under.flatMap(rangeOf), ...mine, ...mine];
    const rows = await kept(`views under ${under.length}`, parameters, () => ({
      compile: () => viewsUnder(mine, under).compile(scope.db),
    }));
    return lastOfEach(rows, itemKey).map(rowToView);
  }

  return {
    async list(space, writer, under) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      if (under !== undefined && under.length <= MOST_RANGES) return listUnder(number, writer, under);
      const rows = await kept('views', [number, writer], () =>
        scope.db.selectFrom('views').select(COLUMNS).where('space', '=', number).where('writer', '=', writer),
      );
      const isAsked = under === undefined ? null : namesAtAndUnder(under);
      return rows.filter((row) => isAsked === null || isAsked(row.name)).map(rowToView);
    },

    async get(space, writer, items) {
      const views = new Map<string, View>();
      const number = await scope.numberOf(space);
      if (number === null) return views;
      for (const { kind, names } of namesByKind(dialect, items)) {
        const mine = () => scope.db.selectFrom('views').select(COLUMNS).where('space', '=', number).where('writer', '=', writer);
        const query = () => mine().where('kind', '=', kind).where('name', 'in', names);
        const asked = [number, writer, kind, ...names];
        const rows = await (names.length <= KEPT_NAMES ? kept(`view ${names.length}`, asked, query) : query().execute());
        for (const row of rows) views.set(itemKey(row), rowToView(row));
      }
      return views;
    },

    async put(space, writer, views) {
      scope.writing(`views of ${writer}`);
      const number = await scope.numberFor(space);
      const rows = lastOfEach(views, (view) => itemKey(view.item));
      for (const batch of insertBatches(dialect, 8, rows)) {
        const values = batch.map((view) => viewToRow(number, writer, view));
        const query = () =>
          scope.db
            .insertInto('views')
            .values(values)
            .onConflict((conflict) =>
              conflict.columns(['space', 'writer', 'kind', 'name']).doUpdateSet((eb) => ({
                shown: eb.ref('excluded.shown'),
                intended: eb.ref('excluded.intended'),
                not_here: eb.ref('excluded.not_here'),
                local: eb.ref('excluded.local'),
              })),
            );
        await kept(`put view ${values.length}`, valuesOf(values), query);
      }
    },

    async remove(space, writer, items) {
      scope.writing(`views of ${writer}`);
      const number = await scope.numberOf(space);
      if (number === null) return;
      for (const { kind, names } of namesByKind(dialect, items)) {
        const mine = scope.db.deleteFrom('views').where('space', '=', number).where('writer', '=', writer);
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
        const [next] = await kept('next writer', [number, last ?? '', 1], () =>
          scope.db
            .selectFrom('views')
            .select('writer')
            .where('space', '=', number)
            .where('writer', '>', last ?? '')
            .orderBy('writer')
            .limit(1),
        );
        if (next === undefined) return found;
        found.push(next.writer);
      }
    },

    async clear(space, writer) {
      scope.writing(`views of ${writer}`);
      const number = await scope.numberOf(space);
      if (number === null) return;
      await scope.db.deleteFrom('views').where('space', '=', number).where('writer', '=', writer).execute();
    },
  };
}

/** Sorts right behind every name that goes on with a slash. */
const AFTER_SLASH = String.fromCharCode('/'.charCodeAt(0) + 1);

/** A name, and between what those below it stand. */
function rangeOf(name: string): readonly string[] {
  return [name, `${name}/`, `${name}${AFTER_SLASH}`];
}

/** Look-ups in the table's key: two for each kind and name, and one a kind. */
function viewsUnder([space, writer]: readonly unknown[], under: readonly string[]): RawBuilder<Omit<ViewRow, 'space' | 'writer'>> {
  const mine = sql`views.space = ${space} and views.writer = ${writer}`;
  const next = (kinds: RawBuilder<unknown>): RawBuilder<unknown> =>
    sql`select min(views.kind) from views where ${mine} and views.kind > ${kinds}`;
  const ranges = sql.join(under.map((name) => sql`(${sql.join(rangeOf(name))})`));
  const columns = sql.join(COLUMNS.map((column) => sql.ref(`views.${column}`)));
  return sql<Omit<ViewRow, 'space' | 'writer'>>`
    with recursive
      kinds (kind) as (${next(sql`''`)} union all select (${next(sql.ref('kinds.kind'))}) from kinds where kinds.kind is not null),
      names (exact, low, high) as (values ${ranges})
    select ${columns} from kinds cross join names cross join views
      where ${mine} and views.kind = kinds.kind and views.name = names.exact
    union all
    select ${columns} from kinds cross join names cross join views
      where ${mine} and views.kind = kinds.kind and views.name >= names.low and views.name < names.high
  `;
}

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
