import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { openPostgres } from '../../src/store/postgres/postgres-database.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { describeObjectsContract, expectExactly, idsOf, randomObjects, SPACE } from './objects.ts';

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

it('puts inside a transaction of the store with all that it writes, or nothing', async () => {
  const options = { ...database, schema: `test ${++schemas}`, tls: 'off' } as const;
  const { store, objects } = await openPostgres(options, { clock: createSystemClock(), random: createSystemRandom() });
  const [undone, done] = [randomObjects(3, 500), randomObjects(3, 500)];
  const failing = store.write(async (tx) => {
    await tx.documents.put('c', 'undone', 1);
    await objects.within?.(tx)?.put(SPACE, undone);
    expect(await objects.within?.(tx)?.has(SPACE, idsOf(undone))).toEqual(new Set(idsOf(undone)));
    expect(await objects.has(SPACE, idsOf(undone))).toEqual(new Set()); // to others they are not there yet
    throw new Error('undone');
  });
  await expect(failing).rejects.toThrow('undone');
  await store.write(async (tx) => {
    await tx.documents.put('c', 'done', 1);
    await objects.within?.(tx)?.put(SPACE, done);
  });
  await expectExactly(objects, SPACE, done);
  expect(await store.read(({ documents }) => documents.list('c'))).toEqual([{ id: 'done', value: 1 }]);
  expect(await store.read(async (tx) => objects.within?.(tx))).toBeNull();
  await objects.close();
  await store.close();
});

it('takes good bytes for damaged ones, and leaves good ones as they are', async () => {
  const options = { ...database, schema: `test ${++schemas}`, tls: 'off' } as const;
  const { store, objects } = await openPostgres(options, { clock: createSystemClock(), random: createSystemRandom() });
  const all = randomObjects(3, 500);
  await objects.put(SPACE, all);
  const [damaged] = idsOf(all);
  await server.query(
    database.database,
    `update "${options.schema}".objects set bytes = set_byte(bytes, 7, get_byte(bytes, 7) # 1) where id = '\\x${damaged}'`,
  );
  await expect(objects.get(SPACE, idsOf(all))).rejects.toMatchObject({ name: 'DamagedObject', id: damaged });
  const versions = async (): Promise<unknown[]> =>
    (await server.query(database.database, `select xmin from "${options.schema}".objects order by id`)).map((each) => each['xmin']);
  await objects.put(SPACE, all);
  await expectExactly(objects, SPACE, all);
  const healed = await versions();
  await objects.put(SPACE, all);
  expect(await versions()).toEqual(healed);
  await objects.close();
  await store.close();
});

it('gives room back thoroughly where something was erased, and keeps the rest', async () => {
  const options = { ...database, schema: `test ${++schemas}`, tls: 'off' } as const;
  const { store, objects } = await openPostgres(options, { clock: createSystemClock(), random: createSystemRandom() });
  const [gone, kept] = [randomObjects(20, 2_000), randomObjects(5, 2_000)];
  await objects.put(SPACE, [...gone, ...kept]);
  await objects.delete(SPACE, idsOf(gone));
  expect(await objects.compact(SPACE, { thorough: true })).toBe(0);
  const [table] = await server.query(
    database.database,
    `select last_vacuum from pg_stat_user_tables where schemaname = '${options.schema}' and relname = 'objects'`,
  );
  expect(table?.['last_vacuum']).not.toBeNull();
  await expectExactly(objects, SPACE, kept);
  await objects.close();
  await store.close();
});
