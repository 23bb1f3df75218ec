import { hexToBytes, type RecordHash, type SpaceId } from '../../core/ids.ts';
import type { StoredRecord } from '../../core/ports/store.ts';
import { listBatches } from './batches.ts';
import { RECORD_COLUMNS, rowToRecord } from './record-row.ts';
import type { TableScope } from './scope.ts';

/** Records that a move of the home remote left behind, in the order in which they fell. */
export interface FallenRecords {
  readonly fallBack: (space: SpaceId, position: number) => Promise<void>;
  readonly list: (space: SpaceId) => Promise<StoredRecord[]>;
  readonly drop: (space: SpaceId, hashes: readonly RecordHash[]) => Promise<void>;
}

export function createFallenRecords(scope: TableScope): FallenRecords {
  const { dialect } = scope;
  return {
    async fallBack(space, position) {
      scope.writing('logs');
      const number = await scope.numberOf(space);
      if (number === null) return;
      const newest = await scope.db
        .selectFrom('fallen_records')
        .select((eb) => eb.fn.max('sequence').as('sequence'))
        .where('space', '=', number)
        .executeTakeFirst();
      const offset = (newest?.sequence ?? -1) - position;
      await scope.db
        .insertInto('fallen_records')
        .columns(['space', 'sequence', ...RECORD_COLUMNS])
        .expression(
          scope.db
            .selectFrom('log_records')
            .select((eb) => ['space', eb('position', '+', eb.lit(offset)).as('sequence'), ...RECORD_COLUMNS])
            .where('space', '=', number)
            .where('position', '>', position),
        )
        .onConflict((conflict) => conflict.columns(['space', 'hash']).doNothing())
        .execute();
      await scope.db.deleteFrom('log_records').where('space', '=', number).where('position', '>', position).execute();
    },

    async list(space) {
      const number = await scope.numberOf(space);
      if (number === null) return [];
      const rows = await scope.db
        .selectFrom('fallen_records')
        .select(RECORD_COLUMNS)
        .where('space', '=', number)
        .orderBy('sequence')
        .execute();
      return rows.map(rowToRecord);
    },

    async drop(space, hashes) {
      scope.writing('logs');
      const number = await scope.numberOf(space);
      if (number === null) return;
      for (const batch of listBatches(dialect, hashes)) {
        await scope.db.deleteFrom('fallen_records').where('space', '=', number).where('hash', 'in', batch.map(hexToBytes)).execute();
      }
    },
  };
}
