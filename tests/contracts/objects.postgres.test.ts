import { afterAll, beforeAll } from 'vitest';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { openPostgres } from '../../src/store/postgres/postgres-database.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { describeObjectsContract } from './objects.ts';

let server: PostgresServer;
let database: TestDatabase;
let schemas = 0;
beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
});
afterAll(() => server.dispose());

describeObjectsContract('postgres', async () => {
  const options = { ...database, schema: `test ${++schemas}`, tls: 'off' } as const;
  const open = () => openPostgres(options, { clock: createSystemClock(), random: createSystemRandom() });
  let { store, objects } = await open();
  const close = async (): Promise<void> => {
    await store.close();
    await objects.close();
  };
  return {
    objects,
    async reopen() {
      await close();
      return ({ store, objects } = await open()).objects;
    },
    dispose: close,
  };
});
