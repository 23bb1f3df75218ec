import type { StoreDialect } from '../dialect.ts';

export const sqliteDialect: StoreDialect = {
  name: 'sqlite',
  types: { binary: 'blob', integer: 'integer', text: 'text' },
  numbering: 'integer primary key',
  clustered: 'without rowid',
  maxParameters: 32_766,
  rowsPerInsert: 100,
  migrationLock: [], // a writing transaction has the file for itself
};
