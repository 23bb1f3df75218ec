import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
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
  expect(await connect(token.url, token.token)).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(bob.store)).toEqual(['claude-mem-connection.json']);
  await bob.kill();
});
