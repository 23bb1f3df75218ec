import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { row } from '../gateways/claude-mem-ops.ts';
import { createSyncClient } from '../gateways/claude-mem-client.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { Machine, makeRoot } from './machine.ts';

const { root, remove } = makeRoot();
const ana = new Machine(root, 'ana', inject('program'));

beforeAll(() => ana.start());
afterAll(async () => {
  await ana.kill();
  remove();
});

it('connect and disconnect leave claude-mem’s settings as they were', async () => {
  const file = path.join(ana.home, '.claude-mem', 'settings.json');
  const before = '{\n  "CLAUDE_MEM_MODEL": "x"\n}\n';
  mkdirSync(path.dirname(file));
  writeFileSync(file, before);
  const { url, user } = await ana.ask<{ url: string; user: string }>(['claude-mem', 'connect']);
  const settings = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  expect(settings).toMatchObject({ CLAUDE_MEM_MODEL: 'x', CLAUDE_MEM_CLOUD_SYNC_USER_ID: user, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url });
  const worker = createSyncClient({ url, token: settings['CLAUDE_MEM_CLOUD_SYNC_TOKEN'] ?? '', user, device: 'd' });
  expect((await worker.status()).status).toBe(200);
  expect(await ana.ask(['claude-mem', 'disconnect'])).toEqual({ disconnected: true, file, left: [], kept: null });
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect((await worker.status()).status).toBe(401);
});

it('connect refuses what would end with nothing synced: a claude-mem without sync, a gateway that is not there, a token that it does not know', async () => {
  const bob = new Machine(root, 'bob', inject('program'));
  const folder = path.join(bob.home, '.claude-mem');
  mkdirSync(folder);
  const { token } = await ana.ask<{ token: { token: string; url: string } }>(['claude-mem', 'serve', '--user', 'ada']);
  const connect = (hub: string, given: string) => bob.run(['claude-mem', 'connect', '--hub', hub, '--user', 'ada'], given);
  const gone = await connect('http://127.0.0.1:1/claude-mem', token.token);
  expect([gone.code, gone.stderr]).toEqual([4, expect.stringContaining('no gateway answers')]);
  const folderThere = path.join(folder, 'settings.json');
  mkdirSync(folderThere);
  const inTheWay = await connect(token.url, token.token);
  expect([inTheWay.code, inTheWay.stderr]).toEqual([
    2,
    expect.stringMatching(/left alone: a folder stands[^]*move it away, and run this again/),
  ]);
  rmSync(folderThere, { recursive: true });
  const unknown = await connect(token.url, 'nonsense');
  expect([unknown.code, unknown.stderr]).toEqual([5, expect.stringContaining('satchel claude-mem serve --user ada')]);
  const table = await connect(token.url, `TOKEN\n${token.token}\n`);
  expect([table.code, table.stderr]).toEqual([2, expect.stringContaining('where 2 lines came')]);
  const alone = await ana.run(['claude-mem', 'serve', '--user', 'ada']);
  expect(alone.stdout).toMatch(/^cmem_\S+\n$/);
  expect(alone.stderr).toContain('Token of ada');
  new MemDatabase(path.join(folder, 'claude-mem.db'), '13.11.0').close();
  const old = await connect(token.url, token.token);
  expect([old.code, old.stderr]).toEqual([1, expect.stringContaining('older than 13.12')]);
  expect(existsSync(path.join(folder, 'settings.json'))).toBe(false);
  rmSync(path.join(folder, 'claude-mem.db'));
  new MemDatabase(path.join(folder, 'claude-mem.db'), '13.12.0').close();
  const connected = await connect(token.url, token.token);
  expect([connected.code, connected.stderr]).toEqual([0, expect.stringMatching(/in plain text[^]*search/)]);
  expect(readdirSync(bob.store)).toEqual(['claude-mem-connection.json']);
  await bob.kill();
});

it('connect finds the gateway behind a node’s address, and says so where claude-mem has not run', async () => {
  const bob = new Machine(root, 'bob', inject('program'));
  const { token } = await ana.ask<{ token: { token: string; url: string } }>(['claude-mem', 'serve', '--user', 'ada']);
  const { origin } = new URL(token.url);
  const connect = (hub: string, given: string) => bob.run(['claude-mem', 'connect', '--hub', hub, '--user', 'ada'], given);
  const unknown = await connect(origin, 'nonsense');
  expect([unknown.code, unknown.stderr]).toEqual([5, expect.stringContaining('knows no such token of ada')]);
  const connected = await connect(origin, token.token);
  expect(connected).toMatchObject({ code: 0, stdout: expect.stringContaining(`${origin}/claude-mem as ada, once it runs here`) });
  expect(connected.stderr).toContain('claude-mem has not run here');
  await bob.kill();
});

it('import says what was there already', async () => {
  const { stdout } = await ana.run(['claude-mem', 'connect']);
  expect(stdout).toContain('claude-mem syncs through');
  const folder = path.join(ana.home, '.claude-mem');
  const file = path.join(folder, 'settings.json');
  expect(await ana.run(['claude-mem', 'import'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no device id yet') });
  expect(readFileSync(path.join(ana.store, 'node.log'), 'utf8')).toMatch(/"operation":"claude-mem-import","type":"no-device"/);
  const written = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  writeFileSync(file, JSON.stringify({ ...written, CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'd' }));
  const none = await ana.run(['claude-mem', 'import']);
  expect(none).toMatchObject({ code: 0, stdout: 'There is nothing to import: claude-mem has no row of this machine’s own.\n' });
  const database = new MemDatabase(path.join(folder, 'claude-mem.db'), '13.25.3');
  database.session('s1');
  for (const title of ['one', 'two']) database.observation('s1', title, { synced_at: 1 });
  database.sql.close();
  expect((await ana.run(['claude-mem', 'import'])).stdout).toMatch(
    /^Imported 2 rows\.|^There is nothing to import: all 2 rows are there already\./,
  );
  const again = await ana.run(['claude-mem', 'import']);
  expect(again.stdout).toBe('There is nothing to import: all 2 rows are there already.\n');
});

it('connect marks what the gateway serves as another device’s, once, and says so', async () => {
  const eve = new Machine(root, 'eve', inject('program'));
  const folder = path.join(eve.home, '.claude-mem');
  mkdirSync(folder);
  const database = new MemDatabase(path.join(folder, 'claude-mem.db'), '13.25.3');
  database.session('s-1', { memory_session_id: 'm-1' });
  const at = { created_at: '2026-01-01T00:00:00.000Z', created_at_epoch: 1_767_225_600_000, memory_session_id: 'm-1' };
  for (const request of ['Do it', 'Of its own']) database.summary('s-1', request, at);
  const { token } = await ana.ask<{ token: { token: string; url: string } }>(['claude-mem', 'serve', '--user', 'eve']);
  const other = createSyncClient({ url: token.url, token: token.token, user: 'eve', device: 'other' });
  expect((await other.push([row('other', { kind: 'summary', local: '7' })])).status).toBe(200);
  const connect = ['claude-mem', 'connect', '--hub', token.url, '--user', 'eve'];
  const done = await eve.run(connect, token.token);
  expect([done.code, done.stdout + done.stderr]).toEqual([
    0,
    expect.stringContaining('1 row that it has and another device serves is marked'),
  ]);
  const marked = (): unknown =>
    database.sql.prepare('select request, origin_device_id, origin_local_id from session_summaries').raw().all();
  expect(marked()).toEqual([
    ['Do it', 'other', '7'],
    ['Of its own', null, null],
  ]);
  expect(JSON.parse((await eve.run([...connect, '--json'], token.token)).stdout)).toMatchObject({ marked: 0 });
  database.close();
  await eve.kill();
});
