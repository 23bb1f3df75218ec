import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { titles } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/** A machine whose claude-mem is connected to its own node, now as one user and now as another. */
let place: Place;
let node: SatchelNode;
let database: MemDatabase;
let settings: string;

beforeEach(async () => {
  place = await Place.create();
  settings = path.join(place.home('a'), '.claude-mem', 'settings.json');
  await mkdir(path.dirname(settings), { recursive: true });
  database = new MemDatabase(path.join(path.dirname(settings), 'claude-mem.db'), '13.25.3');
  database.session('s1');
  database.observation('s1', 'of before', { synced_at: 1 });
  node = await place.start('a');
  await writeFile(settings, JSON.stringify({ CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'local-device' }));
});
afterEach(async () => {
  database.sql.close();
  await place.dispose();
});

/** As an earlier version did for whatever user. */
async function connect(user: string): Promise<SyncClient> {
  const { id, token, url } = await ask(node, 'claude-mem-token-add', { user, name: '' });
  const wanted = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: user, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  expect(await writeConnection(node.home, path.dirname(settings), wanted, id)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
  return createSyncClient({ url, token, user, device: 'other-device' });
}

async function servedTo(client: SyncClient): Promise<string[]> {
  const { body } = await client.changes();
  const bodies = (body['ops'] as { body: string }[]).map((op) => JSON.parse(op.body) as { origin_device_id: string; payload: unknown });
  return bodies.map(({ origin_device_id: by, payload }) => `${(payload as { title: string } | null)?.title} by ${by}`).toSorted();
}

async function inSpace(): Promise<number> {
  const { replica } = [...node.spaces.values()][0]!;
  return replica.exclusive(async () => (await replica.list({ kind: 'claude-mem' })).length);
}

it('as whom its feed is no space’s, its rows are carried from the database, and doctor names that', async () => {
  await connect('ada');
  await expect.poll(inSpace).toBe(2);
  database.observation('s1', 'saved as ada', { synced_at: 1 });
  await expect.poll(inSpace).toBe(3);
  const { checks } = await ask(node, 'doctor', {});
  expect(checks.find(({ id }) => id === 'claude-mem.apart')).toMatchObject({
    result: 'warn',
    reason: expect.stringContaining('as ada'),
    next_step: 'Run: satchel claude-mem connect',
  });
});

it('connected back as the person, what was saved in between comes by itself, as its own', async () => {
  const other = await connect('me');
  await other.changes();
  await expect.poll(() => servedTo(other)).toEqual(['of before by local-device']);
  const ada = await connect('ada');
  await ada.changes();
  database.observation('s1', 'saved as ada', { synced_at: 1 });
  await expect.poll(inSpace).toBe(3);
  const again = await connect('me');
  await expect.poll(() => servedTo(again)).toEqual(['of before by local-device', 'saved as ada by local-device']);
  expect(titles(database)).toEqual(['of before', 'saved as ada']);
});

it('a connection of this machine as anybody else is refused, and leaves no token', async () => {
  const wish = ask(node, 'claude-mem-token-add', { user: 'ada', name: 'this machine', ownWorker: true });
  await expect(wish).rejects.toMatchObject({ type: 'other-user', kind: 'usage' });
  expect((await ask(node, 'claude-mem-users', {})).users).toEqual([]);
  expect(JSON.parse(await readFile(settings, 'utf8'))).not.toHaveProperty('CLAUDE_MEM_CLOUD_SYNC_TOKEN');
});
