import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/core/ports/store.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { openPostgres, type PostgresDatabase } from '../../src/store/postgres/postgres-database.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';

/** Milliseconds, on a machine that is busy: without a look at what hangs it would be minutes. */
const BOUND = 25_000;
/** More than it takes to notice. */
const WAITS = 8_000;

describe('a database that hangs', () => {
  let server: PostgresServer;
  let opened: PostgresDatabase[] = [];
  const said: (string | null)[] = [];

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterEach(async () => {
    server.resume();
    for (const { objects, store } of opened) {
      await objects.close();
      await store.close();
    }
    opened = [];
    said.length = 0;
  });
  afterAll(() => server.dispose());

  async function open(connections = 3, of?: TestDatabase): Promise<PostgresDatabase> {
    const { host, port, database, user, password } = of ?? (await server.createDatabase());
    const options = { host, port, database, user, password, schema: 'satchel', tls: 'off', connections } as const;
    const onHang = (problem: StoreUnavailable | null): void => void said.push(problem?.message ?? null);
    const made = await openPostgres(options, { clock: createSystemClock(), random: createSystemRandom(), onHang });
    opened.push(made);
    return made;
  }

  const read = ({ store }: PostgresDatabase): Promise<unknown> => store.read(({ documents }) => documents.get('a', 'b'));
  async function failure(work: () => Promise<unknown>): Promise<{ readonly ms: number; readonly error: unknown }> {
    const began = performance.now();
    const error = await work().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    return { ms: performance.now() - began, error };
  }

  it('is not waited for by who opens it, or closes it', async () => {
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const made = await server.createDatabase();
    const before = sockets();
    const database = await open(3, made);
    await read(database);
    server.pause();
    const began = performance.now();
    await database.objects.close();
    await database.store.close();
    expect(performance.now() - began).toBeLessThan(BOUND);
    // A connection that stays keeps the process.
    await expect.poll(sockets).toBe(before);
    const opening = await failure(() => open(3, made));
    expect(opening.error).toMatchObject({ name: 'StoreUnavailable', message: expect.stringContaining('nothing comes back') as string });
    expect(opening.ms).toBeLessThan(BOUND);
  });

  it('is named as one that hangs also where it was to commit, which it may have done', async () => {
    const database = await open();
    await read(database);
    const written = await failure(() =>
      database.store.write(async (tx) => {
        await tx.documents.put('a', 'b', 1);
        server.pause();
      }),
    );
    expect(written.error).toMatchObject({
      name: 'StoreUnavailable',
      message: expect.stringMatching(
        /^postgres:.* does not answer: nothing comes back .*, in the midst of a commit, which it may have done$/,
      ) as string,
    });
    expect(written.ms).toBeLessThan(BOUND);
  });

  it('fails what was asked soon, and what is asked then at once; when it answers again, so does the store', async () => {
    const database = await open();
    await read(database);
    const writing = database.store.write(async (tx) => {
      await tx.documents.put('a', 'b', 1);
      server.pause();
      await tx.documents.put('a', 'b', 2);
    });
    const written = await failure(() => writing);
    const asked = await failure(() => read(database));
    const put = await failure(() =>
      database.objects.put('ab'.repeat(32) as never, [{ id: 'cd'.repeat(32) as never, bytes: randomBytes(10) }]),
    );
    for (const { error } of [written, asked, put])
      expect(error).toMatchObject({
        name: 'StoreUnavailable',
        reason: 'unreachable',
        message: expect.stringContaining('nothing comes back') as string,
      });
    expect(written.ms).toBeLessThan(BOUND);
    expect(asked.ms + put.ms).toBeLessThan(written.ms);
    server.resume();
    await expect.poll(() => read(database).catch(() => 'away')).toBeUndefined();
    await database.store.write((tx) => tx.documents.put('a', 'b', 3));
    expect(await read(database)).toBe(3);
    expect(said).toEqual([expect.stringContaining('does not answer'), null]);
  });

  it('is none that lets somebody wait for a lock: it answers others', async () => {
    const database = await open();
    let isHeld = (): void => undefined;
    const held = new Promise<void>((resolve) => (isHeld = resolve));
    const first = database.store.write(async (tx) => {
      await tx.documents.put('a', 'b', 1);
      isHeld();
      await sleep(WAITS);
    });
    await held;
    const second = database.store.write(async (tx) => tx.documents.put('a', 'b', 2));
    await Promise.all([first, second]);
    expect(await read(database)).toBe(2);
    expect(said).toEqual([]);
  });

  it('does not keep the store from being closed', async () => {
    const database = await open();
    await read(database);
    server.pause();
    expect((await failure(() => read(database))).error).toBeInstanceOf(StoreUnavailable);
    const began = performance.now();
    await database.objects.close();
    await database.store.close();
    expect(performance.now() - began).toBeLessThan(BOUND);
    opened = [];
  });
});
