import { bytesToHex, hexToBytes, type Revision, type SpaceId } from '../../core/ids.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Sibling } from '../../core/ports/store.ts';
import { decodeContent, encodeContent } from '../content-codec.ts';
import type { SiblingRow } from '../schema.ts';
import { insertBatches, lastOfEach, listBatches, valuesOf } from './batches.ts';
import type { TableScope } from './scope.ts';

export interface Siblings {
  readonly add: (space: SpaceId, siblings: readonly Sibling[]) => Promise<void>;
  readonly remove: (space: SpaceId, item: Item, ids: readonly Revision[]) => Promise<void>;
  readonly list: (space: SpaceId, item?: Item) => Promise<Sibling[]>;
  /** By the space's number. */
  readonly count: (space: number) => Promise<number>;
}

export function createSiblings(scope: TableScope): Siblings {
  const { dialect, kept } = scope;
  return {
    async add(space, siblings) {
      scope.writing('siblings');
      const number = await scope.numberFor(space);
      const rows = lastOfEach(siblings, (sibling) => `${itemKey(sibling.item)}\0${sibling.sibling}`);
      for (const batch of insertBatches(dialect, 7, rows)) {
        const values = batch.map((sibling) => siblingToRow(number, sibling));
        const query = () =>
          scope.db
            .insertInto('siblings')
            .values(values)
            .onConflict((conflict) =>
              conflict.columns(['space', 'kind', 'name', 'sibling']).doUpdateSet((eb) => ({
                base: eb.ref('excluded.base'),
                position: eb.ref('excluded.position'),
                content: eb.ref('excluded.content'),
              })),
            );
        await kept(`put sibling ${values.length}`, valuesOf(values), query);
      }
    },

    async remove(space, item, ids) {
      scope.writing('siblings');
      const number = await scope.numberOf(space);
      if (number === null) return;
      for (const batch of listBatches(dialect, ids)) {
        await scope.db
          .deleteFrom('siblings')
          .where('space', '=', number)
          .where('kind', '=', item.kind)
          .where('name', '=', item.name)
          .where('sibling', 'in', batch.map(hexToBytes))
          .execute();
      }
    },

    async list(space, item) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      const all = () => scope.db.selectFrom('siblings').selectAll().where('space', '=', number).orderBy('position').orderBy('sibling');
      const rows =
        item === undefined
          ? await kept('siblings', [number], all)
          : await kept('siblings of an item', [number, item.kind, item.name], () =>
              all().where('kind', '=', item.kind).where('name', '=', item.name),
            );
      return rows.map(rowToSibling);
    },

    async count(space) {
      const row = await scope.db
        .selectFrom('siblings')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('space', '=', space)
        .executeTakeFirstOrThrow();
      return row.count;
    },
  };
}

function siblingToRow(space: number, { item, sibling, base, position, content }: Sibling): SiblingRow {
  return {
    space,
    kind: item.kind,
    name: item.name,
    sibling: hexToBytes(sibling),
    base: base === null ? null : hexToBytes(base),
    position,
    content: content === null ? null : encodeContent(content),
  };
}

function rowToSibling(row: SiblingRow): Sibling {
  return {
    item: { kind: row.kind, name: row.name },
    sibling: bytesToHex(row.sibling) as Revision,
    base: row.base === null ? null : (bytesToHex(row.base) as Revision),
    position: row.position,
    content: row.content === null ? null : decodeContent(row.content),
  };
}
