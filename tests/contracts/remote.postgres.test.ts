import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pino } from 'pino';
import type { SpaceId } from '../../src/core/ids.ts';
import { EMPTY_HEAD, headAfter, type Head } from '../../src/core/log/record.ts';
import type { Clock } from '../../src/core/ports/clock.ts';
import { followedLogs, followAppends } from '../../src/node/shared-store/follow-appends.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { createLocalRemote, type LocalRemote } from '../../src/remotes/local.ts';
import { createMemoryObjects } from '../../src/store/chunks/memory-objects.ts';
import type { AppendNotices } from '../../src/store/postgres/append-notices.ts';
import { openPostgres } from '../../src/store/postgres/postgres-database.ts';
import type { PostgresOptions } from '../../src/store/postgres/postgres-options.ts';
import { PATIENCE } from '../setup/patience.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { startTransactionPooler } from '../services/transaction-pooler.ts';
import { describeRemoteContract } from './remote.ts';
import { createSpaceWriter, sealedObject, segment } from './space-writer.ts';
import { createTestClock } from './test-clock.ts';

let server: PostgresServer;
let database: TestDatabase;
let schemas = 0;
beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
});
afterAll(() => server.dispose());

const fresh = (): PostgresOptions => ({ ...database, schema: `test ${++schemas}`, tls: 'off', connections: 4 });
const log = pino({ level: 'silent' });
/** Never looks twice: only what is heard is told. */
const STILL: Clock = {
  now: () => 0,
  sleep: (_, signal) =>
    new Promise((resolve) => (signal?.aborted === true ? resolve() : signal?.addEventListener('abort', () => resolve(), { once: true }))),
};

interface Hub {
  readonly remote: LocalRemote;
  /** Why it relies on no notices; `null`: it does. */
  readonly deafness: () => string | null;
  stop(): Promise<void>;
}

/** What a hub's process has of a database. `deaf`: it hears of nothing. */
async function startHub(
  options: PostgresOptions,
  clock: Clock,
  following: Clock,
  ears: 'hears' | 'deaf' = 'hears',
  listening: Clock = createSystemClock(),
  keeping: 'in the database' | 'elsewhere' = 'in the database',
): Promise<Hub> {
  const { store, objects: builtIn, notices: theirs } = await openPostgres(options, { clock: listening, random: createSystemRandom() });
  if (keeping === 'elsewhere') {
    // As where a bucket takes their place: looked at, and closed.
    await builtIn.has(createSpaceWriter().space, []);
    await builtIn.close();
  }
  const objects = keeping === 'elsewhere' ? createMemoryObjects() : builtIn;
  const remote = createLocalRemote({
    store,
    objects,
    clock,
    address: 'local:',
    isShared: true,
    onAppended: (space) => theirs.announce(space),
  });
  const stopping = new AbortController();
  let hears = (): void => undefined;
  let deafness: string | null = null;
  const hearing = new Promise<void>((resolve) => (hears = resolve));
  const deafNotices: AppendNotices = { announce: () => undefined, listen: async () => hears() };
  const notices: AppendNotices = {
    announce: (space) => theirs.announce(space),
    listen: (handlers, signal) =>
      theirs.listen(
        {
          ...handlers,
          onHearing(reason) {
            handlers.onHearing(reason);
            deafness = reason;
            hears();
          },
        },
        signal,
      ),
  };
  const followed = followAppends(
    { notices: ears === 'deaf' ? deafNotices : notices, followed: [followedLogs(remote)], store, clock: following, log },
    stopping.signal,
  );
  await hearing;
  return {
    remote,
    deafness: () => deafness,
    async stop() {
      stopping.abort();
      await followed;
      await remote.close();
      await objects.close();
      await store.close();
    },
  };
}

/** For all tests of the contract: between them only the rows go. */
const shared = { options: null as PostgresOptions | null, hubs: [] as Hub[], clock: createTestClock() };
afterAll(() => Promise.all(shared.hubs.map((hub) => hub.stop())));

describeRemoteContract('local, two processes on one database', async () => {
  const { clock, hubs } = shared;
  const options = (shared.options ??= fresh());
  if (hubs.length === 0) hubs.push(await startHub(options, clock, STILL), await startHub(options, clock, STILL));
  const tables = ['log_records', 'documents', 'objects'].map((name) => `"${options.schema}".${name}`);
  let turn = 0;
  return {
    open: async () => ({ ...(hubs[turn++ % 2] as Hub).remote, close: async () => undefined }),
    clock,
    dispose: async () => void (await server.query(database.database, `delete from ${tables.join('; delete from ')}`)),
  };
});

describe('a hub that others share a database with', () => {
  /** Watches at one hub what is appended at the other. */
  async function isTold(watching: Hub, appending: Hub): Promise<void> {
    const writer = createSpaceWriter();
    const heads: (Head | null)[] = [];
    const stopping = new AbortController();
    const watch = watching.remote.watch([writer.space], (_: SpaceId, head) => void heads.push(head), stopping.signal);
    await appending.remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    await expect.poll(() => heads.at(-1), PATIENCE).toEqual(headAfter(writer.genesis));
    stopping.abort();
    await watch;
  }

  it('sees what they append though it hears nothing: it looks', async () => {
    const options = fresh();
    const clock = createTestClock();
    const hasty: Clock = { ...createSystemClock(), sleep: (_, signal) => createSystemClock().sleep(20, signal) };
    const [deaf, other] = [await startHub(options, clock, hasty, 'deaf'), await startHub(options, clock, STILL)];
    await isTold(deaf, other);
    await deaf.stop();
    await other.stop();
  });

  it('commits the objects that come along in the transaction of the records, and none where the append is not taken', async () => {
    const options = fresh();
    const hub = await startHub(options, createTestClock(), STILL);
    const writer = createSpaceWriter();
    await hub.remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    const head = headAfter(writer.genesis);
    const [object, missing, late] = [sealedObject(500), sealedObject(500), sealedObject(500)];
    const lacking = await hub.remote.append(
      writer.space,
      head,
      segment([writer.record(head, { objects: [object.id, missing.id] })], [object]),
    );
    expect(lacking).toEqual({ type: 'missing-objects', ids: [missing.id] });
    const rows = (table: string) => server.query(database.database, `select xmin::text from "${options.schema}".${table} order by xmin`);
    expect(await rows('objects')).toEqual([]);
    const record = writer.record(head, { objects: [object.id] });
    expect(await hub.remote.append(writer.space, head, segment([record], [object]))).toMatchObject({ type: 'appended' });
    expect(await hub.remote.append(writer.space, head, segment([writer.record(head, { objects: [late.id] })], [late]))).toMatchObject({
      type: 'moved',
    });
    expect(await rows('objects')).toEqual((await rows('log_records')).slice(1));
    await hub.stop();
  });

  it('puts many bytes of objects before, so that others do not wait for them', async () => {
    const options = fresh();
    const hub = await startHub(options, createTestClock(), STILL);
    const writer = createSpaceWriter();
    await hub.remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
    const head = headAfter(writer.genesis);
    const objects = [sealedObject(700_000), sealedObject(700_000)];
    const record = writer.record(head, { objects: objects.map(({ id }) => id) });
    expect(await hub.remote.append(writer.space, head, segment([record], objects))).toMatchObject({ type: 'appended' });
    const rows = (table: string) =>
      server.query(database.database, `select distinct xmin::text from "${options.schema}".${table} order by xmin`);
    const [[put], records] = [await rows('objects'), await rows('log_records')];
    expect(Number(put?.['xmin'])).toBeLessThan(Number(records.at(-1)?.['xmin']));
    await hub.stop();
  });

  it('hears them where its objects are kept elsewhere, as in a bucket', async () => {
    const options = fresh();
    const clock = createTestClock();
    const start = (): Promise<Hub> => startHub(options, clock, STILL, 'hears', createSystemClock(), 'elsewhere');
    const [one, other] = [await start(), await start()];
    await isTold(one, other);
    await isTold(other, one);
    expect([one.deafness(), other.deafness()]).toEqual([null, null]);
    await one.stop();
    await other.stop();
  });

  it('leaves no connection behind that would keep its process from ending, though it kept no object there', async () => {
    const own = await server.createDatabase();
    const hub = await startHub({ ...own, schema: 'test', tls: 'off' }, createTestClock(), STILL);
    await hub.stop();
    const left = `select query from pg_stat_activity where datname = '${own.database}'`;
    await expect.poll(() => server.query('postgres', left), PATIENCE).toEqual([]);
  });

  it('notices that a pooler passes on no notices, and looks then', async () => {
    const pooler = await startTransactionPooler(database);
    const options = { ...fresh(), port: pooler.port };
    const clock = createTestClock();
    const hasty: Clock = { ...createSystemClock(), sleep: (ms, signal) => createSystemClock().sleep(Math.min(ms, 200), signal) };
    const [one, other] = await Promise.all([
      startHub(options, clock, hasty, 'hears', hasty),
      startHub(options, clock, hasty, 'hears', hasty),
    ]);
    await isTold(one, other);
    await isTold(other, one);
    expect(one.deafness()).toContain('pooler');
    await one.stop();
    await other.stop();
    await pooler.close();
  });

  it('hears them again after its connection was cut', async () => {
    const options = fresh();
    const clock = createTestClock();
    const [one, other] = [await startHub(options, clock, STILL), await startHub(options, clock, STILL)];
    await isTold(one, other);
    await server.query('postgres', `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database.database}'`);
    await isTold(one, other);
    await isTold(other, one);
    await one.stop();
    await other.stop();
  });
});
