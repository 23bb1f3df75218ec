import { bytesToHex, hexToBytes, type CommitId } from '../../core/ids.ts';
import type { DraftTable } from '../../core/ports/store.ts';
import { insertBatches, lastOfEach, listBatches, valuesOf } from './batches.ts';
import type { TableScope } from './scope.ts';

export function createDraftTable(scope: TableScope): DraftTable {
  const { dialect, kept } = scope;
  return {
    async list(space) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      const rows = await kept('drafts', [number], () =>
        scope.db.selectFrom('drafts').select(['id', 'bytes']).where('space', '=', number).orderBy('sequence'),
      );
      return rows.map((row) => ({ id: bytesToHex(row.id) as CommitId, bytes: row.bytes }));
    },

    async put(space, drafts) {
      scope.writing('drafts');
      const number = await scope.numberFor(space);
      const [newest] = await kept('newest draft', [number], () =>
        scope.db
          .selectFrom('drafts')
          .select((eb) => eb.fn.max('sequence').as('sequence'))
          .where('space', '=', number),
      );
      let sequence = newest?.sequence ?? 0;
      const rows = lastOfEach(drafts, (draft) => draft.id);
      for (const batch of insertBatches(dialect, 4, rows)) {
        const values = batch.map((draft) => ({ space: number, id: hexToBytes(draft.id), sequence: ++sequence, bytes: draft.bytes }));
        const query = () =>
          scope.db
            .insertInto('drafts')
            .values(values)
            .onConflict((conflict) => conflict.columns(['space', 'id']).doUpdateSet((eb) => ({ bytes: eb.ref('excluded.bytes') })));
        await kept(`put draft ${values.length}`, valuesOf(values), query);
      }
    },

    async remove(space, ids) {
      if (ids.length === 0) return;
      scope.writing('drafts');
      const number = await scope.numberOf(space);
      if (number === null) return;
      for (const batch of listBatches(dialect, ids)) {
        const keys = batch.map(hexToBytes);
        const query = () => scope.db.deleteFrom('drafts').where('space', '=', number).where('id', 'in', keys);
        await (keys.length === 1 ? kept('remove draft', [number, keys[0]], query) : query().execute());
      }
    },
  };
}
