import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot } from './machine.ts';

interface Moved {
  readonly moved: boolean;
  readonly resumed: boolean;
  readonly spaces: number;
  readonly records: number;
  readonly objects: number;
}

describe('a hub’s own store moves into a database', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  let server: PostgresServer;
  let database: TestDatabase;
  let hub: Machine;
  let port: string;
  const [ana, bea] = [new Machine(root, 'ana', program), new Machine(root, 'bea', program)];

  beforeAll(async () => {
    server = await startPostgres({ isDurable: true });
    database = await server.createDatabase();
    hub = new Machine(root, 'hub', program, { SATCHEL_STORE_PASSWORD: database.password });
    await hub.start(['up', '--hub', '--port', '0']);
    const { address } = await hub.ask<{ address: string }>(['status']);
    port = new URL(address).port;
    for (let n = 0; n < 24; n++) ana.write(`plans/plan-${n}.md`, randomBytes(100_000).toString('hex'));
    await ana.start();
    await ana.ask(['remotes', 'add', '-'], (await hub.ask<{ link: string }>(['invite', '--hub'])).link);
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    await bea.start(['join', (await ana.ask<{ link: string }>(['invite'])).link, '--name', 'bea', '--yes']);
    await editsTravel(ana, bea, 'before');
  });
  afterAll(async () => {
    await Promise.all([hub, ana, bea].map((machine) => machine.kill()));
    await server.dispose();
    remove();
  });

  /** Rows of a table; 0 where it is not there. */
  const countOf = async (table: string): Promise<number> => {
    const [found] = await server.query(database.database, `select to_regclass('satchel.${table}') is not null as there`);
    if (found?.['there'] !== true) return 0;
    return Number((await server.query(database.database, `select count(*) as count from satchel.${table}`))[0]?.['count']);
  };
  const migrate = (...more: string[]) => hub.run(['store', 'migrate', '--to', database.url, '--json', ...more]);

  it('refuses while it runs, with a password in the address, and for a node that has spaces of its own', async () => {
    expect((await migrate()).stdout).toContain('runs already');
    const secret = await hub.run(['store', 'migrate', '--to', database.url.replace('@', ':geheim@')]);
    expect(secret.code).toBe(2);
    expect(secret.stderr).toContain('without a password');
    expect(secret.stderr).not.toContain('geheim');
    const own = new Machine(root, 'own', program, { SATCHEL_STORE_PASSWORD: database.password });
    await own.start();
    await own.stop();
    const refused = await own.run(['store', 'migrate', '--to', database.url]);
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('spaces of its own (personal)')]);
    await own.kill();
  });

  it('says dry what it would do, and does nothing', async () => {
    await hub.stop();
    const { code, stdout } = await hub.run(['store', 'migrate', '--to', database.url, '--dry-run']);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^Would move to postgres:.*: 1 log \(\d+ records\), \d+ encrypted bodies .* Nothing was changed\.\n$/),
    ]);
    expect(await server.query(database.database, `select 1 from pg_namespace where nspname = 'satchel'`)).toEqual([]);
  });

  it('refuses a database that another hub keeps, dry as well, and says nothing of taking its keys', async () => {
    const theirs = await server.createDatabase();
    const other = new Machine(root, 'other', program, { SATCHEL_STORE_PASSWORD: theirs.password });
    await other.start(['up', '--hub', '--port', '0', '--store', theirs.url]);
    await other.stop();
    const keys = readFileSync(path.join(hub.store, 'keys', 'machine.json'), 'utf8');
    for (const more of [['--dry-run'], []]) {
      const refused = await hub.run(['store', 'migrate', '--to', theirs.url, ...more]);
      expect([refused.code, refused.stderr]).toEqual([
        5,
        expect.stringMatching(/is kept by the hub [0-9a-f]{16}, .*\n.*another schema: \?schema=NAME/),
      ]);
      expect(refused.stderr).not.toContain('keys folder');
    }
    expect(readFileSync(path.join(hub.store, 'keys', 'machine.json'), 'utf8')).toBe(keys);
    await other.kill();
  });

  it('refuses a schema with another program’s table of a name that is needed, dry as well, and leaves nothing there', async () => {
    const theirs = await server.createDatabase();
    await server.query(theirs.database, `create schema app authorization ${theirs.user}; create table app.documents (id int)`);
    const to = `${theirs.url}?schema=app`;
    const fresh = new Machine(root, 'fresh', program, { SATCHEL_STORE_PASSWORD: theirs.password });
    for (const tried of [
      () => hub.run(['store', 'migrate', '--to', to, '--dry-run']),
      () => hub.run(['store', 'migrate', '--to', to]),
      () => fresh.run(['up', '--hub', '--port', '0', '--store', to]),
    ]) {
      const { code, stdout, stderr } = await tried();
      expect([code, stdout, stderr]).toEqual([
        5,
        '',
        expect.stringMatching(/\?schema=app: .*"documents".*did not make.*\nName another schema: \?schema=/),
      ]);
    }
    expect(await server.query(theirs.database, `select relname from pg_class where relnamespace = 'app'::regnamespace`)).toEqual([
      { relname: 'documents' },
    ]);
    expect(existsSync(fresh.store)).toBe(false);
  });

  it('refuses a copy, which may be of a hub that goes on', async () => {
    const copy = new Machine(root, 'copy', program, { SATCHEL_STORE_PASSWORD: database.password });
    cpSync(hub.store, copy.store, { recursive: true });
    for (const more of [['--dry-run'], []]) {
      const { code, stderr } = await copy.run(['store', 'migrate', '--to', database.url, ...more]);
      expect([code, stderr]).toEqual([5, expect.stringMatching(/is a copy of one in another place[^]*satchel up --same-machine/)]);
    }
    expect(await countOf('log_records')).toBe(0);
  });

  it('goes on where it was killed, and the old store is what counts until the end', async () => {
    // Its tables are made, and then there is no connection left.
    await server.query('postgres', `alter role ${database.user} connection limit 1`);
    const crowded = await migrate();
    expect([crowded.code, crowded.stdout]).toEqual([4, expect.stringContaining('too many connections')]);
    await server.query('postgres', `alter role ${database.user} connection limit -1`);
    // Held up before the first body, the first record, and in the midst of the comparison.
    for (const table of ['objects', 'log_records', 'feeds']) {
      const holding = new Client({ ...database, user: 'postgres' });
      await holding.connect();
      await holding.query(`begin; lock table satchel.${table} in access exclusive mode`);
      const running = migrate();
      await hub.killWhen(async () => (await server.query(database.database, `select 1 from pg_locks where not granted`)).length > 0);
      expect((await running).code).toBeNull();
      await holding.end();
    }
    expect(await countOf('objects')).toBeGreaterThan(20);
    const shared = await hub.run(['up', '--hub', '--port', port, '--store', database.url]);
    expect([shared.code, shared.stderr]).toEqual([5, expect.stringContaining('satchel store migrate')]);
    // The hub as it was takes what is new, and that comes along.
    await hub.start(['up', '--hub', '--port', port]);
    await editsTravel(ana, bea, 'in between');
    await hub.ask(['search', 'anything']);
    await hub.stop();
    const index = path.join(hub.store, 'index.db');
    expect(existsSync(index)).toBe(true);
    const { code, stdout } = await migrate();
    const moved = JSON.parse(stdout) as Moved;
    expect([code, moved]).toEqual([0, expect.objectContaining({ moved: true, resumed: true, spaces: 1 })]);
    expect(await countOf('log_records')).toBe(moved.records);
    expect(await countOf('objects')).toBe(moved.objects);
    expect(moved).toMatchObject({ before: false, since: null });
    expect(existsSync(index)).toBe(false);
  });

  it('serves from there to those who knew it, and from the old store no more', async () => {
    await hub.start(['up', '--port', port]);
    await editsTravel(ana, bea, 'after the move');
    expect(await hub.ask(['store', 'verify', '--read-data'])).toMatchObject({ sound: true });
    expect(await ana.ask(['store', 'verify', '--full'])).toMatchObject({ sound: true });
    // A hub can read nothing of what it keeps, so there is nothing to find.
    expect(await hub.ask(['store', 'reindex'])).toEqual({ items: 0, bytes: 0, unsearched: 0 });
    expect(await hub.ask(['search', 'says'])).toMatchObject({ hits: [], total: 0 });
    expect(await countOf('index_words')).toBe(0);
    expect((await hub.run(['store', 'reindex', 'index.db'])).code).toBe(2);
    await hub.stop();
    // Once more, after it went on there: nothing is moved, and nothing is said to be.
    const now = await countOf('log_records');
    for (const more of [['--dry-run'], []]) {
      const again = await hub.run(['store', 'migrate', '--to', database.url, ...more]);
      expect([again.code, again.stdout]).toEqual([
        0,
        expect.stringMatching(
          /^This store was moved to postgres:.* before, on 20\d\d-.*, with 1 log \(\d+ records\).*there is nothing to move\.\n.*satchel up\n$/,
        ),
      ]);
      const told = JSON.parse((await migrate(...more)).stdout) as Moved;
      expect(told).toMatchObject({ moved: true, resumed: false, before: true, since: expect.stringMatching(/^20\d\d-/) });
      expect(told.records).toBeLessThan(now);
    }
    expect(await countOf('log_records')).toBe(now);
    // It keeps bodies in the database for good.
    const bucket = await hub.run(['up', '--port', port, '--objects', 's3://bucket/team?region=eu-central-1']);
    expect([bucket.code, bucket.stderr]).toEqual([
      5,
      expect.stringMatching(/keep chunks in it[^]*start another hub with one[^]*satchel spaces move --help/),
    ]);
    for (const bad of ['ftp://bucket/team', 'secret=abc']) {
      const refused = await hub.run(['up', '--port', port, '--objects', bad]);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--objects: ')]);
    }
    const file = path.join(hub.store, 'config.json');
    const settings = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(settings).toMatchObject({ hub: true, store: database.url });
    writeFileSync(file, JSON.stringify({ hub: true }));
    const old = await hub.run(['up', '--port', port]);
    expect([old.code, old.stderr]).toEqual([5, expect.stringContaining('was moved to postgres://')]);
  });
});
