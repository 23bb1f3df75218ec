import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { rowId } from '../../src/gateways/claude-mem/schema.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** A machine whose claude-mem was in use before its sync was switched on. */
let place: Place;
let node: SatchelNode;
let database: MemDatabase;
let folder: string;

beforeEach(async () => {
  place = await Place.create();
  folder = path.join(place.home('a'), '.claude-mem');
  await mkdir(folder, { recursive: true });
  database = new MemDatabase(path.join(folder, 'claude-mem.db'), '13.25.3');
  const session = database.session('s1');
  for (const title of ['one', 'two']) {
    database.insert('observations', {
      ...{ memory_session_id: 'm-s1', project: 'app', type: 'discovery', title, narrative: 'n', facts: '["f"]' },
      ...{ created_at: '2026-01-01T00:00:00.000Z', created_at_epoch: 1_767_225_600_000, synced_at: 1 },
    });
  }
  database.insert('session_summaries', {
    ...{ memory_session_id: 'm-s1', project: 'app', request: 'Do it' },
    ...{ created_at: '2026-01-01T00:00:00.000Z', created_at_epoch: 1_767_225_600_000, synced_at: 1 },
  });
  database.insert('user_prompts', {
    ...{ session_db_id: session, content_session_id: 's1', prompt_number: 1, prompt_text: 'hello' },
    ...{ created_at: '2026-01-01T00:00:00.000Z', created_at_epoch: 1_767_225_600_000, synced_at: 1 },
  });
  node = await place.start('a');
});
afterEach(async () => {
  database.sql.close();
  await place.dispose();
});

async function connect(): Promise<{ local: SyncClient; other: SyncClient }> {
  const { id, token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  expect(await writeConnection(node.home, folder, settings, id)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
  const client = (device: string): SyncClient => createSyncClient({ url, token, user: 'me', device });
  return { local: client('local-device'), other: client('other-device') };
}

/** As its worker does when it first runs. */
async function nameDevice(): Promise<void> {
  const file = path.join(folder, 'settings.json');
  const settings = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
  await writeFile(file, JSON.stringify({ ...settings, CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'local-device' }));
}

async function originsFor(client: SyncClient): Promise<string[]> {
  const { body } = await client.changes();
  return (body['ops'] as { body: string }[]).map((op) => (JSON.parse(op.body) as { origin_device_id: string }).origin_device_id);
}

const rowsInSpace = async (): Promise<string[]> => {
  const [open] = [...node.spaces.values()];
  const states = await open!.replica.exclusive(() => open!.replica.list({ kind: 'claude-mem' }));
  return states.map(({ item }) => item.name).sort((x, y) => (x < y ? -1 : 1));
};

it('brings in what its sync leaves behind as its own rows, once, and serves it to no device twice', async () => {
  await expect.poll(async () => (await rowsInSpace()).length).toBe(5);
  const before = await rowsInSpace();
  const { local, other } = await connect();
  await nameDevice();
  await other.changes();
  await expect.poll(() => originsFor(other)).toEqual(Array.from({ length: 4 }, () => 'local-device'));
  expect(await ask(node, 'claude-mem-import', {})).toEqual({ rows: 4, imported: 0, skipped: 0, device: 'local-device' });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  // All that the feed has is its own: its worker skips it.
  expect(await originsFor(local)).toEqual(Array.from({ length: 4 }, () => 'local-device'));
  // And the space holds each row once, whichever way it came.
  expect(await rowsInSpace()).toEqual(before);
});

it('knows rows that were told by other words before as what they are', async () => {
  await expect.poll(async () => (await rowsInSpace()).length).toBe(5);
  const before = await rowsInSpace();
  database.run("update observations set title = 'ONE' where title = 'one'");
  database.run("update session_summaries set request = 'Do this'");
  const text = async (): Promise<string> => {
    const [open] = [...node.spaces.values()];
    const states = await open!.replica.exclusive(() => open!.replica.list({ kind: 'claude-mem' }));
    const bodies = await Promise.all(states.flatMap(({ content }) => (content === null ? [] : [open!.replica.bodies.read(content)])));
    return bodies.map((body) => Buffer.from(body).toString()).join();
  };
  await expect.poll(text).toContain('"ONE"');
  await expect.poll(text).toContain('"Do this"');
  const { other } = await connect();
  await nameDevice();
  await other.changes();
  await expect.poll(() => originsFor(other)).toEqual(Array.from({ length: 4 }, () => 'local-device'));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(await originsFor(other)).toEqual(Array.from({ length: 4 }, () => 'local-device'));
  expect(await rowsInSpace()).toEqual(before);
});

it('tells a state that its worker told otherwise elsewhere under the revision that the worker takes for it', async () => {
  await expect.poll(async () => (await rowsInSpace()).length).toBe(5);
  // Synced with another hub before, and edited by another program since.
  const head = `insert into sync_entity_heads values (?, 'observation', 'local-device', '1', '1', 'of-another-state', 0, 1)`;
  database.run(head, rowId('observation', 'local-device', '1'));
  const { local, other } = await connect();
  await nameDevice();
  await other.changes();
  await expect.poll(() => originsFor(other)).toHaveLength(4);
  const ops = (await other.changes()).body['ops'] as { body: string; operation_sha256: string }[];
  const says = ops.map((op) => JSON.parse(op.body) as { kind: string; entity_rev: string; payload: { title?: string } });
  expect(says.filter(({ kind }) => kind === 'observation').map(({ entity_rev: rev, payload }) => [payload.title, rev])).toEqual([
    ['one', '2'],
    ['two', '1'],
  ]);
  const doctor = (await ask(node, 'doctor', {})).checks.filter(({ result }) => result === 'fail');
  expect(doctor.filter(({ id }) => id.startsWith('claude-mem'))).toEqual([]);
  // As the worker pushes it then.
  const again = ops.find((_, at) => says[at]?.payload.title === 'one');
  expect((await local.push([{ body: again?.body ?? '', operation_sha256: again?.operation_sha256 ?? '' }])).status).toBe(200);
});

it('serves nothing that this machine may have before its worker has said who it is', async () => {
  await expect.poll(async () => (await rowsInSpace()).length).toBe(5);
  const { other } = await connect();
  await other.changes();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(await originsFor(other)).toEqual([]);
  await expect(ask(node, 'claude-mem-import', {})).rejects.toMatchObject({ type: 'no-device' });
});

it('is refused where claude-mem is not connected to this node', async () => {
  await expect(ask(node, 'claude-mem-import', {})).rejects.toMatchObject({ type: 'not-connected' });
});

it('the source carries sessions alone while the worker syncs by itself, and all again afterwards', async () => {
  await connect();
  const rows = (): unknown => [...node.spaces.values()][0]!.rows.map(({ definition }) => definition.sessionsOnly);
  expect(rows()).toEqual([true]);
  database.session('s2');
  await expect.poll(async () => (await rowsInSpace()).filter((name) => name.includes('/sessions/')).length).toBe(2);
});
