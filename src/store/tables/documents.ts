import type { DocumentTable } from '../../core/ports/store.ts';
import type { TableScope } from './scope.ts';

export function createDocumentTable(scope: TableScope): DocumentTable {
  const { kept, writing } = scope;
  return {
    async get<T>(collection: string, id: string) {
      const [row] = await kept('document', [collection, id], () =>
        scope.db.selectFrom('documents').select('value').where('collection', '=', collection).where('id', '=', id),
      );
      return row === undefined ? undefined : (JSON.parse(row.value) as T);
    },

    async put<T>(collection: string, id: string, value: T) {
      writing(`documents in ${collection}`);
      const json: string | undefined = JSON.stringify(value);
      if (json === undefined) throw new TypeError(`document ${collection}/${id} is not JSON`);
      await kept('put document', [collection, id, json, json], () =>
        scope.db
          .insertInto('documents')
          .values({ collection, id, value: json })
          .onConflict((conflict) => conflict.columns(['collection', 'id']).doUpdateSet({ value: json })),
      );
    },

    async remove(collection, id) {
      writing(`documents in ${collection}`);
      await kept('remove document', [collection, id], () =>
        scope.db.deleteFrom('documents').where('collection', '=', collection).where('id', '=', id),
      );
    },

    async clear(collection) {
      writing(`documents in ${collection}`);
      await scope.db.deleteFrom('documents').where('collection', '=', collection).execute();
    },

    async list<T>(collection: string) {
      const rows = await kept('documents', [collection], () =>
        scope.db.selectFrom('documents').select(['id', 'value']).where('collection', '=', collection).orderBy('id'),
      );
      return rows.map((row) => ({ id: row.id, value: JSON.parse(row.value) as T }));
    },

    async collections() {
      const rows = await scope.db.selectFrom('documents').select('collection').distinct().orderBy('collection').execute();
      return rows.map((row) => row.collection);
    },
  };
}
