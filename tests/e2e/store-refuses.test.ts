import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { PASSWORD, startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { Machine, makeRoot, until } from './machine.ts';

const { root, remove } = makeRoot();
let server: PostgresServer;
let database: TestDatabase;
let hub: Machine;

beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
  hub = new Machine(root, 'hub', inject('program'), { SATCHEL_STORE_PASSWORD: database.password });
  await hub.start(['up', '--hub', '--port', '0', '--store', database.url]);
});
afterAll(async () => {
  await hub.kill();
  await server.dispose();
  remove();
});

/** What the hub says of its store. Requests that failed meanwhile are told of for an hour. */
async function stored(): Promise<unknown> {
  const { stdout } = await hub.runAsking(['status', '--hub', '--json']);
  const { store } = JSON.parse(stdout) as { store: { problem: string | null } };
  return { problem: store.problem };
}

const disconnect = (): Promise<unknown> =>
  server.query('postgres', `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${database.user}'`);

it('a hub whose password was changed meanwhile says so, wherever it is asked', async () => {
  await server.query('postgres', `alter role ${database.user} password 'another one'`);
  await disconnect();
  const status = await hub.runAsking(['status', '--hub']);
  expect(status.code).toBe(1);
  expect(status.stdout).toContain(`the password of "${database.user}" is wrong`);
  expect(status.stdout).toContain('a new password is read when the hub starts again');
  expect(status.stdout + status.stderr).not.toContain(PASSWORD);
  for (const command of [['status'], ['machines']]) {
    const { code, stderr } = await hub.run(command);
    expect([command, code, stderr]).toEqual([command, 4, expect.stringContaining(`the password of "${database.user}" is wrong`)]);
  }
  const { address } = JSON.parse(readFileSync(path.join(hub.store, 'running.json'), 'utf8')) as { address: string };
  expect((await fetch(`${address}/healthz`)).status).toBe(503);
  await server.query('postgres', `alter role ${database.user} password '${PASSWORD}'`);
  expect(await stored()).toEqual({ problem: null });
});

it('a hub that may only read is not well, and says what right it lacks', async () => {
  await server.query(database.database, `revoke insert, update on all tables in schema satchel from ${database.user}`);
  const { code, stdout } = await hub.runAsking(['status', '--hub']);
  expect([code, stdout]).toEqual([1, expect.stringContaining('permission denied for table')]);
  expect(stdout).toContain(`grant select, insert, update, delete on all tables in schema "satchel" to "${database.user}"`);
  const doctor = await hub.runAsking(['doctor']);
  expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringContaining('may not write there')]);
  await server.query(database.database, `grant insert, update on all tables in schema satchel to ${database.user}`);
  expect(await stored()).toEqual({ problem: null });
});

it('a hub that logs in as a superuser is warned that row policies keep nobody out', async () => {
  await server.query('postgres', `alter role ${database.user} superuser`);
  const { code, stdout } = await hub.runAsking(['doctor']);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/warn store\.database: .*used as a superuser[^]*a user of its own/)]);
  await server.query('postgres', `alter role ${database.user} nosuperuser`);
  expect((await hub.runAsking(['doctor', '--all'])).stdout).not.toContain('superuser');
});

it('a database that lets the user connect no longer is told how to, and so is one of another’s schema', async () => {
  await server.query('postgres', `revoke connect on database ${database.database} from public, ${database.user}`);
  await hub.stop();
  const refused = await hub.run(['up', '--hub', '--port', '0']);
  expect([refused.code, refused.stderr]).toEqual([
    5,
    expect.stringContaining(`grant connect on database "${database.database}" to "${database.user}"`),
  ]);
  await server.query('postgres', `grant connect on database ${database.database} to ${database.user}`);
  for (const schema of ['pg_catalog', 'information_schema']) {
    const own = await hub.run(['up', '--hub', '--store', `${database.url}?schema=${schema}`]);
    expect([own.code, own.stderr]).toEqual([2, expect.stringContaining('not one of PostgreSQL’s own')]);
  }
});

it('a doctor who has not what opens the database asks the hub that runs, and says so where none does', async () => {
  const stranger = hub.without('SATCHEL_STORE_PASSWORD');
  await hub.start(['up', '--hub', '--port', '0']);
  const well = await stranger(['doctor']);
  expect([well.code, well.stdout]).toEqual([0, expect.not.stringMatching(/FAIL|store\.database/)]);
  await server.query(database.database, `revoke insert, update on all tables in schema satchel from ${database.user}`);
  const ill = await stranger(['doctor']);
  expect([ill.code, ill.stdout]).toEqual([1, expect.stringMatching(/FAIL hub\.store: .*permission denied for table/)]);
  await server.query(database.database, `grant insert, update on all tables in schema satchel to ${database.user}`);
  await hub.stop();
  const alone = await stranger(['doctor']);
  expect([alone.code, alone.stdout]).toEqual([
    0,
    expect.stringMatching(/warn store\.database: cannot look into postgres:.*[^]*→ .*SATCHEL_STORE_PASSWORD/),
  ]);
  expect(alone.stdout).toMatch(/warn node\.running: the node is not running/);
});

it('a hub that waits for its database is told from one that does not run', async () => {
  const asked = async (): Promise<unknown> => {
    const { code, stderr } = await hub.runAsking(['status', '--hub']);
    return [code, stderr];
  };
  expect(await asked()).toEqual([4, expect.stringContaining('no hub runs here')]);
  await server.crash();
  const starting = hub.start(['up', '--hub', '--port', '0']);
  await until('it says that it waits', async () => (await hub.runAsking(['status', '--hub'])).stderr.includes('and waits:'));
  expect(await asked()).toEqual([4, expect.stringMatching(/the node was started, and waits: postgres:.* does not answer/)]);
  // One that never served has nothing else to say either.
  const first = new Machine(root, 'first', inject('program'), { SATCHEL_STORE_PASSWORD: database.password });
  await first.start(['up', '--hub', '--port', '0', '--store', database.url]);
  await until('it says that it waits', async () => (await first.runAsking(['status'])).stderr.includes('and waits:'));
  await first.kill();
  await server.start();
  await starting;
  await until('it serves', async () => (await hub.runAsking(['status', '--hub'])).code === 0);
  await hub.stop();
  expect(await asked()).toEqual([4, expect.stringContaining('no hub runs here')]);
});
