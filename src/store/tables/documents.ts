import type { DocumentTable } from '../../core/ports/store.ts';
import type { TableScope } from './scope.ts';

export function createDocumentTable({ db, writing }: TableScope): DocumentTable {
  return {
    async get<T>(collection: string, id: string) {
      const row = await db
        .selectFrom('documents')
        .select('value')
        .where('collection', '=', collection)
        .where('id', '=', id)
        .executeTakeFirst();
      return row === undefined ? undefined : (JSON.parse(row.value) as T);
    },

    async put<T>(collection: string, id: string, value: T) {
      writing(`documents in ${collection}`);
      const json: string | undefined = JSON.stringify(value);
      if (json === undefined) throw new TypeError(`document ${collection}/${id} is not JSON`);
      await db
        .insertInto('documents')
        .values({ collection, id, value: json })
        .onConflict((conflict) => conflict.columns(['collection', 'id']).doUpdateSet({ value: json }))
        .execute();
    },

    async remove(collection, id) {
      writing(`documents in ${collection}`);
      await db.deleteFrom('documents').where('collection', '=', collection).where('id', '=', id).execute();
    },

    async list<T>(collection: string) {
      const rows = await db.selectFrom('documents').select(['id', 'value']).where('collection', '=', collection).orderBy('id').execute();
      return rows.map((row) => ({ id: row.id, value: JSON.parse(row.value) as T }));
    },
  };
}
