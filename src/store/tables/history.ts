import type { Content } from '../../core/content.ts';
import { bytesToHex, hexToBytes, type Revision, type SpaceId } from '../../core/ids.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { HistoryEntry } from '../../core/ports/store.ts';
import type { HistoryRow } from '../schema.ts';
import { insertBatches, valuesOf } from './batches.ts';
import { namesByKind } from './by-kind.ts';
import { createHistoryContents, TYPES } from './history-contents.ts';
import type { TableScope } from './scope.ts';

const COLUMNS = ['position', 'ordinal', 'kind', 'name', 'revision', 'base', 'type', 'base_position', 'base_ordinal', 'content'] as const;
const PREFIX = /^[0-9a-f]{4,64}$/;
/** Enough to show that a prefix is not unique. */
const MATCHES = 100;

export interface History {
  /** Idempotent: an entry is its position and index, and what was added once stays as it is. */
  readonly add: (space: SpaceId, entries: readonly HistoryEntry[]) => Promise<void>;
  readonly ofItem: (space: SpaceId, item: Item, query: { readonly before?: number; readonly limit: number }) => Promise<HistoryEntry[]>;
  /** The first position of each item that has a history, by `itemKey`. */
  readonly begins: (space: SpaceId, items: readonly Item[]) => Promise<Map<string, number>>;
  /** Newest record first, entries of a record in their order; a record is given whole, past the limit if need be. */
  readonly byPosition: (space: SpaceId, query: { readonly before?: number; readonly limit: number }) => Promise<HistoryEntry[]>;
  /** Oldest first, 100 at most; none for what is no prefix of at least 4 hex characters. */
  readonly find: (space: SpaceId, prefix: string) => Promise<HistoryEntry[]>;
}

export function createHistory(scope: TableScope): History {
  const { dialect, kept } = scope;
  const contents = createHistoryContents(scope);

  async function toEntries(space: number, rows: readonly Row[]): Promise<HistoryEntry[]> {
    const decoded = await contents.decode(space, rows);
    return rows.map((row, at) => rowToEntry(row, decoded[at] ?? null));
  }

  return {
    async add(space, entries) {
      const number = await scope.numberFor(space);
      const keys = new Set(entries.map((entry) => `${entry.position} ${entry.index}`));
      if (keys.size !== entries.length) throw new RangeError('two history entries of one record have the same index');
      const stored = await contents.encode(number, entries);
      const rows = entries.map((entry, at) => ({ ...entryToRow(number, entry), ...(stored[at] as (typeof stored)[number]) }));
      for (const values of insertBatches(dialect, 11, rows)) {
        // Others may be told by what is there.
        const query = () =>
          scope.db
            .insertInto('history')
            .values(values)
            .onConflict((conflict) => conflict.columns(['space', 'position', 'ordinal']).doNothing());
        await kept(`add history ${values.length}`, valuesOf(values), query);
      }
    },

    async ofItem(space, item, query) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      let rows = scope.db.selectFrom('history').select(COLUMNS).where('space', '=', number);
      rows = rows.where('kind', '=', item.kind).where('name', '=', item.name);
      if (query.before !== undefined) rows = rows.where('position', '<', query.before);
      return toEntries(number, await rows.orderBy('position', 'desc').orderBy('ordinal', 'desc').limit(query.limit).execute());
    },

    async begins(space, items) {
      const found = new Map<string, number>();
      const number = await scope.numberOf(space);
      if (number === null) return found;
      for (const { kind, names } of namesByKind(dialect, items)) {
        const rows = await scope.db
          .selectFrom('history')
          .select((eb) => ['name', eb.fn.min('position').as('position')])
          .where('space', '=', number)
          .where('kind', '=', kind)
          .where('name', 'in', names)
          .groupBy('name')
          .execute();
        for (const { name, position } of rows) found.set(itemKey({ kind, name }), position);
      }
      return found;
    },

    async byPosition(space, query) {
      const number = await scope.numberOf(space);
      if (number === null || query.limit < 1) return [];
      const { before = Number.MAX_SAFE_INTEGER, limit } = query;
      const newest = await kept('newest history', [number, before, limit], () =>
        scope.db
          .selectFrom('history')
          .select('position')
          .where('space', '=', number)
          .where('position', '<', before)
          .orderBy('position', 'desc')
          .limit(limit),
      );
      const oldest = newest.at(-1);
      if (oldest === undefined) return [];
      const rows = await kept('history', [number, oldest.position, before], () =>
        scope.db
          .selectFrom('history')
          .select(COLUMNS)
          .where('space', '=', number)
          .where('position', '>=', oldest.position)
          .where('position', '<', before)
          .orderBy('position', 'desc')
          .orderBy('ordinal'),
      );
      return toEntries(number, rows);
    },

    async find(space, prefix) {
      const number = await scope.numberOf(space);
      if (number === null || !PREFIX.test(prefix)) return [];
      const rows = await scope.db
        .selectFrom('history')
        .select(COLUMNS)
        .where('space', '=', number)
        .where('revision', '>=', hexToBytes(prefix.padEnd(64, '0')))
        .where('revision', '<=', hexToBytes(prefix.padEnd(64, 'f')))
        .orderBy('revision') // the index's order: any other would make the planner walk the whole history
        .limit(MATCHES)
        .execute();
      return (await toEntries(number, rows)).toSorted((a, b) => a.position - b.position || a.index - b.index);
    },
  };
}

type Row = Omit<HistoryRow, 'space'>;

function entryToRow(space: number, entry: HistoryEntry): Omit<HistoryRow, 'base_position' | 'base_ordinal' | 'content'> {
  return {
    space,
    position: entry.position,
    ordinal: entry.index,
    kind: entry.item.kind,
    name: entry.item.name,
    revision: hexToBytes(entry.revision),
    base: entry.base === null ? null : hexToBytes(entry.base),
    type: TYPES.indexOf(entry.type),
  };
}

function rowToEntry(row: Row, content: Content | null): HistoryEntry {
  const type = TYPES[row.type];
  if (type === undefined) throw new Error(`history entry of unknown type ${row.type}`);
  return {
    item: { kind: row.kind, name: row.name },
    revision: bytesToHex(row.revision) as Revision,
    base: row.base === null ? null : (bytesToHex(row.base) as Revision),
    type,
    position: row.position,
    index: row.ordinal,
    content,
  };
}
