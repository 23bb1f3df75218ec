import { sql, type RawBuilder } from 'kysely';
import type { Content } from '../../core/content.ts';
import { bytesToHex, hexToBytes, type Revision } from '../../core/ids.ts';
import { itemKey } from '../../core/item.ts';
import type { ItemState, ItemTable } from '../../core/ports/store.ts';
import { decodeContent, decodeContentLate, encodeContent } from '../content-codec.ts';
import { endOfPrefix } from '../name-range.ts';
import type { ItemRow } from '../schema.ts';
import { insertBatches, lastOfEach, valuesOf } from './batches.ts';
import { KEPT_NAMES, namesByKind } from './by-kind.ts';
import { createHistory } from './history.ts';
import type { TableScope } from './scope.ts';
import { createSiblings } from './siblings.ts';

const STATE_COLUMNS = ['kind', 'name', 'revision', 'position', 'content'] as const;

export function createItemTable(scope: TableScope): ItemTable {
  const { dialect, kept } = scope;
  const history = createHistory(scope);
  const siblings = createSiblings(scope);

  /** The first page of all: what a small space is asked for all the time. */
  async function listFirst(
    number: number,
    { deleted = false, limit }: { readonly deleted?: boolean; readonly limit: number },
  ): Promise<ItemState[]> {
    const all = () =>
      scope.db.selectFrom('items').select(STATE_COLUMNS).where('space', '=', number).orderBy('kind').orderBy('name').limit(limit);
    const rows = await kept(deleted ? 'items and deleted ones' : 'items', [number, limit], () =>
      deleted ? all() : all().where('content', 'is not', null),
    );
    return rows.map((row) => rowToState(row, decodeContentLate));
  }

  return {
    async get(space, items) {
      const states = new Map<string, ItemState>();
      const number = await scope.numberOf(space);
      if (number === null) return states;
      for (const { kind, names } of namesByKind(dialect, items)) {
        const query = () =>
          scope.db
            .selectFrom('items')
            .select(STATE_COLUMNS)
            .where('space', '=', number)
            .where('kind', '=', kind)
            .where('name', 'in', names);
        const rows = await (names.length <= KEPT_NAMES ? kept(`item ${names.length}`, [number, kind, ...names], query) : query().execute());
        for (const row of rows) states.set(itemKey(row), rowToState(row, decodeContent));
      }
      return states;
    },

    async list(space, query) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      const { kind, prefix, after } = query;
      if (kind === undefined && prefix === undefined && after === undefined) return listFirst(number, query);
      const end = prefix === undefined ? null : endOfPrefix(prefix);
      let rows = scope.db.selectFrom('items').select(STATE_COLUMNS).where('space', '=', number);
      if (kind !== undefined) rows = rows.where('kind', '=', kind);
      else if (prefix !== undefined) rows = rows.where('kind', 'in', kindsOf(number));
      if (prefix !== undefined) rows = rows.where('name', '>=', prefix);
      if (end !== null) rows = rows.where('name', '<', end);
      if (after !== undefined) rows = rows.where((eb) => eb(eb.refTuple('kind', 'name'), '>', eb.tuple(after.kind, after.name)));
      if (query.deleted !== true) rows = rows.where('content', 'is not', null);
      return (await rows.orderBy('kind').orderBy('name').limit(query.limit).execute()).map((row) => rowToState(row, decodeContentLate));
    },

    async put(space, states) {
      scope.writing('items');
      const number = await scope.numberFor(space);
      const rows = lastOfEach(states, (state) => itemKey(state.item));
      for (const batch of insertBatches(dialect, 7, rows)) {
        const values = batch.map((state) => stateToRow(number, state));
        const query = () =>
          scope.db
            .insertInto('items')
            .values(values)
            .onConflict((conflict) =>
              conflict.columns(['space', 'kind', 'name']).doUpdateSet((eb) => ({
                revision: eb.ref('excluded.revision'),
                position: eb.ref('excluded.position'),
                size: eb.ref('excluded.size'),
                content: eb.ref('excluded.content'),
              })),
            );
        await kept(`put item ${values.length}`, valuesOf(values), query);
      }
    },

    addHistory: history.add,
    history: history.ofItem,
    firstPositions: history.begins,
    historyByPosition: history.byPosition,
    findRevision: history.find,
    addSiblings: siblings.add,
    removeSiblings: siblings.remove,
    siblings: siblings.list,

    /** O(items of the space). */
    async count(space, without = []) {
      const number = await scope.numberOf(space);
      if (number === null) return { items: 0, bytes: 0, siblings: 0 };
      let counted = scope.db
        .selectFrom('items')
        .select((eb) => [eb.fn.countAll<number>().as('items'), eb.fn.sum<number | null>('size').as('bytes')])
        .where('space', '=', number)
        .where('content', 'is not', null);
      if (without.length > 0) counted = counted.where('kind', 'not in', [...without]);
      const row = await counted.executeTakeFirstOrThrow();
      return { items: row.items, bytes: row.bytes ?? 0, siblings: await siblings.count(number) };
    },

    async clear(space) {
      for (const part of ['items', 'siblings'] as const) scope.writing(part);
      const number = await scope.numberOf(space);
      if (number === null) return;
      for (const table of ['items', 'history', 'siblings'] as const) await scope.db.deleteFrom(table).where('space', '=', number).execute();
    },
  };
}

/**
 * The kinds that a space has items of, each found by one seek: names are a range of the table's key only within a kind, so that
 * without this all items of the space would be read for the few that begin with a prefix.
 */
function kindsOf(space: number): RawBuilder<string> {
  return sql`(with recursive kinds(kind) as (select min(kind) from items where space = ${space} union all
    select (select min(kind) from items where space = ${space} and kind > kinds.kind) from kinds where kinds.kind is not null)
    select kind from kinds where kind is not null)`;
}

function stateToRow(space: number, { item, revision, position, content }: ItemState): ItemRow {
  return {
    space,
    kind: item.kind,
    name: item.name,
    revision: hexToBytes(revision),
    position,
    size: content?.size ?? 0,
    content: content === null ? null : encodeContent(content),
  };
}

function rowToState(row: Omit<ItemRow, 'space' | 'size'>, decode: (bytes: Uint8Array) => Content): ItemState {
  return {
    item: { kind: row.kind, name: row.name },
    revision: bytesToHex(row.revision) as Revision,
    position: row.position,
    content: row.content === null ? null : decode(row.content),
  };
}
