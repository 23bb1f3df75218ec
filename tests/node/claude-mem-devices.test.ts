import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoConnection, writeConnection } from '../../src/node/claude-mem/connection.ts';
import { importHistory } from '../../src/node/claude-mem/import-history.ts';
import type { Check } from '../../src/node/doctor/check.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { canonical, row, sha, tombstone } from '../gateways/claude-mem-ops.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** A machine whose claude-mem syncs through its own node, and another one that has the same device id. */
let place: Place;
let node: SatchelNode;
let folder: string;
let database: MemDatabase | null;
let other: SyncClient;

const DEVICE = 'copied-device';
const at = { created_at: '2026-01-01T00:00:00.000Z', created_at_epoch: 1_767_225_600_000 };

beforeEach(async () => {
  place = await Place.create();
  folder = path.join(place.home('a'), '.claude-mem');
  mkdirSync(folder, { recursive: true });
  openDatabase();
  database!.session('s1');
  for (const title of ['shared one', 'shared two']) observation(title);
  node = await place.start('a');
  const { id, token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  await writeConnection(node.home, folder, settings, id);
  const file = path.join(folder, 'settings.json');
  writeFileSync(file, JSON.stringify({ ...settingsNow(), CLAUDE_MEM_MODEL: 'x', CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: DEVICE }));
  await ask(node, 'claude-mem-reconnected', {});
  other = createSyncClient({ url, token, user: 'me', device: DEVICE });
  await other.changes();
});
afterEach(async () => {
  database?.close();
  await place.dispose();
});

function openDatabase(): MemDatabase {
  database = new MemDatabase(path.join(folder, 'claude-mem.db'), '13.25.3');
  return database;
}

function observation(title: string, more: Record<string, string | number> = {}): number {
  return database!.observation('s1', title, { ...at, synced_at: 1, ...more });
}

const settingsNow = (): Record<string, string> =>
  JSON.parse(readFileSync(path.join(folder, 'settings.json'), 'utf8')) as Record<string, string>;

/** As this machine's worker pushes its rows. */
const pushOwn = (device = settingsNow()['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID'] ?? ''): Promise<unknown> =>
  importHistory({ feeds: node.claudeMemFeeds, user: 'me', device, file: path.join(folder, 'claude-mem.db') });

async function checks(): Promise<Check[]> {
  return (await ask(node, 'doctor', {})).checks.filter(({ id, result }) => id.startsWith('claude-mem') && result !== 'ok') as Check[];
}

/** No worker has it open. */
function stop(): void {
  database?.close();
  database = null;
}

async function repair(id: string): Promise<void> {
  // The node itself has it open, which is no reason not to.
  expect((await ask(node, 'claude-mem-repair', { check: id })).repairs).toMatchObject([{ id, state: 'would' }]);
  expect((await ask(node, 'claude-mem-repair', { check: id, apply: true })).repairs).toMatchObject([{ id, state: 'done' }]);
  expect((await ask(node, 'claude-mem-repair', { check: id, apply: true })).repairs).toEqual([]);
}

describe('a device id that was copied', () => {
  it('is named, and this machine gets another: rows of both are of the other one, and the rest is sent under the new', async () => {
    await pushOwn();
    // Both go on: the other machine is first, and its row 3 is another.
    const theirs = row(DEVICE, { local: '3', payload: { title: 'theirs', memory_session_id: 'm-s1' } });
    expect((await other.push([theirs])).status).toBe(200);
    expect(await checks()).toMatchObject([{ id: 'claude-mem.lost-rows', result: 'warn' }]);
    observation('ours');
    expect(await checks()).toMatchObject([{ id: 'claude-mem.device-id', result: 'fail', severity: 'high' }]);
    stop();
    await repair('device-id');
    const device = settingsNow()['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID'] ?? '';
    expect(device).not.toBe(DEVICE);
    expect(settingsNow()['CLAUDE_MEM_MODEL']).toBe('x');
    const rows = openDatabase()
      .sql.prepare('SELECT title, origin_device_id AS device, synced_at AS synced FROM observations ORDER BY id')
      .all();
    expect(rows).toEqual([
      { title: 'shared one', device: DEVICE, synced: 1 },
      { title: 'shared two', device: DEVICE, synced: 1 },
      { title: 'ours', device: null, synced: null },
    ]);
    await pushOwn();
    expect(await checks()).toEqual([]);
    const ops = ((await other.changes()).body['ops'] as { body: string }[]).map(
      ({ body }) => JSON.parse(body) as { origin_device_id: string; payload: { title: string } | null },
    );
    const live = ops.filter(({ payload }) => payload !== null).map(({ origin_device_id: origin, payload }) => [origin, payload?.title]);
    expect(live.filter(([, title]) => title === 'ours')).toEqual([[device, 'ours']]);
    expect(live.filter(([, title]) => title === 'shared one')).toHaveLength(1);
  });

  it('is told by the names under which it is heard: a machine that was renamed is none', async () => {
    await pushOwn();
    const admit = (name: string): Promise<boolean> => node.claudeMemClients.admit('me', DEVICE, name);
    await admit('laptop');
    await admit('new-name');
    expect(await checks()).toEqual([]);
    await admit('laptop');
    const found = await checks();
    expect(found.map(({ id }) => id)).toEqual(['claude-mem.device-id', 'claude-mem.gateway:me/laptop']);
    expect(found[0]?.evidence).toEqual(['this device id was heard under the names laptop, new-name']);
  });

  it('is not changed while its worker runs', async () => {
    await pushOwn();
    await other.push([row(DEVICE, { local: '3', payload: { title: 'theirs' } })]);
    observation('ours');
    stop();
    const script = fileURLToPath(new URL('mem-holder.mjs', import.meta.url));
    const worker = spawn(process.execPath, [script, path.join(folder, 'claude-mem.db')]);
    try {
      await once(worker.stdout, 'data');
      writeFileSync(path.join(folder, 'worker.pid'), JSON.stringify({ pid: worker.pid }));
      const [shown] = (await ask(node, 'claude-mem-repair', { check: 'device-id' })).repairs;
      expect(shown?.would[0]).toContain('worker stopped before');
      const { repairs } = await ask(node, 'claude-mem-repair', { check: 'device-id', apply: true });
      expect(repairs).toMatchObject([{ state: 'blocked' }]);
      expect(settingsNow()['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID']).toBe(DEVICE);
    } finally {
      worker.kill('SIGKILL');
    }
  });
});

it('rows at revisions that are taken go above them', async () => {
  await pushOwn();
  // What it had when it was connected is settled.
  const imported = (): Promise<unknown> => node.store.read((tx) => tx.documents.get('claude-mem-imported', 'me'));
  await expect.poll(imported).toMatchObject({ device: DEVICE });
  // A database that was restored: the feed has later states of its rows.
  const payload = { title: 'shared one', memory_session_id: 'm-s1', narrative: 'about shared one', project: 'app', subtitle: 'later' };
  expect((await other.push([row(DEVICE, { local: '1', rev: '3', payload })])).status).toBe(200);
  database!.run("UPDATE observations SET sync_rev = '2', subtitle = 'mine' WHERE id = 1");
  expect(await checks()).toMatchObject([{ id: 'claude-mem.revisions', result: 'fail' }]);
  stop();
  await repair('revisions');
  expect(openDatabase().get('SELECT synced_at IS NULL FROM observations WHERE id = 1')).toBe(1);
  expect(database!.get('SELECT sync_rev FROM observations WHERE id = 1')).toBe('4');
});

describe('a database that is not the one that pushed', () => {
  /** As where the file was deleted, and the worker made a new one. */
  function replace(): void {
    stop();
    for (const end of ['', '-wal', '-shm']) rmSync(path.join(folder, `claude-mem.db${end}`), { force: true });
    openDatabase();
  }
  const lost = async (): Promise<Check | undefined> => (await checks()).find(({ id }) => id === 'claude-mem.lost-rows');

  it('is named, and gets another device id, under which the worker takes its former rows in', async () => {
    await pushOwn();
    expect(await lost()).toBeUndefined();
    replace();
    expect(await lost()).toMatchObject({
      result: 'fail',
      evidence: ['2 of 2 rows that this device pushed and nobody deleted are not there'],
    });
    database!.run("INSERT INTO sync_state (k, v) VALUES ('cursor', '2')");
    stop();
    await repair('lost-rows');
    expect(settingsNow()['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID']).not.toBe(DEVICE);
    expect(openDatabase().get("SELECT v FROM sync_state WHERE k = 'cursor'")).toBe('0');
    expect(await lost()).toBeUndefined();
  });

  it('is named as one that may be meant so where fewer rows went, and repaired only where it is named', async () => {
    await pushOwn();
    observation('a third');
    await pushOwn();
    database!.run('DELETE FROM observations WHERE id = 1');
    const advice = expect.stringMatching(/satchel claude-mem connect tells.*satchel claude-mem repair lost-rows/) as string;
    const evidence = ['1 of 3 rows that this device pushed and nobody deleted are not there'];
    expect(await lost()).toMatchObject({ result: 'warn', severity: 'low', evidence, next_step: advice });
    stop();
    const all = await ask(node, 'claude-mem-repair', { apply: true });
    expect(all.repairs).toMatchObject([{ id: 'lost-rows', state: 'nothing', next: advice }]);
    expect(settingsNow()['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID']).toBe(DEVICE);
    await repair('lost-rows');
    expect(settingsNow()['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID']).not.toBe(DEVICE);
    openDatabase();
    expect(await lost()).toBeUndefined();
  });

  it('is not one where rows were deleted, here or elsewhere, or are about to be told of', async () => {
    await pushOwn();
    observation('a third');
    await pushOwn();
    database!.run('DELETE FROM observations WHERE id <= 2');
    expect(await lost()).toMatchObject({ evidence: ['2 of 3 rows that this device pushed and nobody deleted are not there'] });
    const entity = `observation:${sha(canonical(['cmem-doc-id-v1', 'device', 'observation', DEVICE, '1']))}`;
    database!.run(
      `INSERT INTO sync_content_outbox (entity_id, kind, origin_local_id, entity_rev, body, operation_sha256, deleted, created_at_epoch)
       VALUES ('${entity}', 'observation', '1', '2', '{}', '', 1, 0)`,
    );
    expect(await lost()).toMatchObject({
      result: 'warn',
      evidence: ['1 of 3 rows that this device pushed and nobody deleted are not there'],
    });
    database!.run('DELETE FROM sync_content_outbox');
    expect((await other.push(['1', '2'].map((local) => tombstone(DEVICE, { local, rev: '2' })))).status).toBe(200);
    expect(await lost()).toBeUndefined();
  });
});

it('a device is removed by its name or id, and let in again when it comes', async () => {
  await node.claudeMemClients.admit('me', 'd-1', 'laptop');
  const devices = async (): Promise<string[]> => (await node.claudeMemClients.devices('me')).map(({ id }) => id);
  expect(await ask(node, 'claude-mem-device-remove', { device: 'laptop' })).toEqual({ user: 'me', device: 'd-1' });
  expect(await devices()).toEqual([DEVICE]);
  await expect(ask(node, 'claude-mem-device-remove', { device: 'laptop' })).rejects.toMatchObject({ type: 'no-such-device' });
  await node.claudeMemClients.admit('me', 'd-1', 'laptop');
  expect(await devices()).toEqual([DEVICE, 'd-1']);
});

it('a device whose pushes are refused is named, until they are taken', async () => {
  await other.push([row(DEVICE, { local: '9' })]);
  expect((await other.push([row(DEVICE, { local: '9', payload: { title: 'otherwise' } })])).status).toBe(400);
  const [check] = (await checks()).filter(({ id }) => id.startsWith('claude-mem.gateway:'));
  expect(check).toMatchObject({ result: 'warn', severity: 'high' });
  expect(check?.evidence.join()).toContain('revision_hash_conflict');
  await other.push([row(DEVICE, { local: '10' })]);
  expect((await checks()).filter(({ id }) => id.startsWith('claude-mem.gateway:'))).toEqual([]);
});

describe('a refusal', () => {
  const named = async (): Promise<unknown[]> => (await checks()).filter(({ id }) => id.startsWith('claude-mem.gateway:'));
  beforeEach(async () => {
    await other.push([row(DEVICE, { local: '9' })]);
    await other.push([row(DEVICE, { local: '9', payload: { title: 'otherwise' } })]);
    expect(await named()).toHaveLength(1);
  });

  it('is over where its device has another id', async () => {
    observation('ours', { id: 9 });
    stop();
    await repair('device-id');
    expect(await named()).toEqual([]);
  });

  it('is over where this machine’s worker is connected anew, or not any more', async () => {
    await undoConnection(node.home);
    const settings = path.join(folder, 'settings.json');
    writeFileSync(settings, JSON.stringify({ CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: DEVICE }));
    await ask(node, 'claude-mem-reconnected', {});
    expect(await named()).toEqual([]);
  });

  it('is over where nothing more is heard of it', async () => {
    const [since, last] = [Date.now() - 7_200_000, Date.now() - 3_700_000];
    await node.store.write((tx) => tx.documents.put('claude-mem-refused/me', DEVICE, { reason: 'revision_hash_conflict', since, last }));
    expect(await named()).toEqual([]);
    await other.push([row(DEVICE, { local: '9', payload: { title: 'otherwise' } })]);
    expect(await named()).toHaveLength(1);
  });
});

describe('a machine whose claude-mem syncs with another node', () => {
  let home: string;
  let laptop: SatchelNode;
  const file = (): string => path.join(home, 'claude-mem.db');
  const rowsOf = (mem: MemDatabase): unknown[] =>
    mem.sql.prepare('SELECT title, origin_device_id AS device, synced_at AS synced FROM observations ORDER BY id').all();

  /** With the settings and the database of the first machine, copied. */
  beforeEach(async () => {
    await pushOwn();
    home = path.join(place.home('b'), '.claude-mem');
    mkdirSync(home, { recursive: true });
    await database!.sql.backup(file());
    writeFileSync(path.join(home, 'settings.json'), JSON.stringify(settingsNow()));
    laptop = await place.start('b');
  });

  it('is repaired by what that one serves', async () => {
    await other.push([row(DEVICE, { local: '3', payload: { title: 'theirs', memory_session_id: 'm-s1' } })]);
    const copy = new MemDatabase(file(), '13.25.3');
    copy.observation('s1', 'mine', at);
    copy.close();
    expect((await ask(laptop, 'claude-mem-repair', { apply: true })).repairs).toMatchObject([{ id: 'device-id', state: 'done' }]);
    const settings = JSON.parse(readFileSync(path.join(home, 'settings.json'), 'utf8')) as Record<string, string>;
    expect(settings['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID']).not.toBe(DEVICE);
    const mended = new MemDatabase(file(), '13.25.3');
    expect(rowsOf(mended)).toMatchObject([
      { title: 'shared one', device: DEVICE },
      { title: 'shared two', device: DEVICE },
      { title: 'mine', device: null, synced: null },
    ]);
    mended.close();
    expect((await ask(laptop, 'claude-mem-repair', { apply: true })).repairs).toEqual([]);
  });

  it('has rows that stand there under other numbers marked as what they are, and is told that its database is another one', async () => {
    for (const end of ['', '-wal', '-shm']) rmSync(`${file()}${end}`, { force: true });
    const anew = new MemDatabase(file(), '13.25.3');
    anew.session('s1');
    for (const title of ['shared two', 'shared one', 'mine']) anew.observation('s1', title, at);
    anew.close();
    const { repairs } = await ask(laptop, 'claude-mem-repair', { apply: true });
    expect(repairs).toMatchObject([{ id: 'device-id', state: 'done' }]);
    expect(repairs[0]?.reason).toContain('is not the one whose rows were synced under its device id');
    const mended = new MemDatabase(file(), '13.25.3');
    const rows = mended.sql
      .prepare('SELECT title, origin_device_id AS device, origin_local_id AS local FROM observations ORDER BY id')
      .all();
    expect(rows).toEqual([
      { title: 'shared two', device: DEVICE, local: '2' },
      { title: 'shared one', device: DEVICE, local: '1' },
      { title: 'mine', device: null, local: null },
    ]);
    mended.close();
  });

  it('is told where that one does not know its token', async () => {
    const settings = JSON.parse(readFileSync(path.join(home, 'settings.json'), 'utf8')) as Record<string, string>;
    writeFileSync(path.join(home, 'settings.json'), JSON.stringify({ ...settings, CLAUDE_MEM_CLOUD_SYNC_TOKEN: 'unknown' }));
    const { repairs } = await ask(laptop, 'claude-mem-repair', {});
    expect(repairs).toMatchObject([{ id: 'refused', state: 'nothing', evidence: ['it answers 401'] }]);
    expect(repairs[0]?.reason).toContain('does not know the token');
  });

  it('says so where that one does not answer', async () => {
    await place.stop('a');
    expect((await ask(laptop, 'claude-mem-repair', { apply: true })).repairs).toMatchObject([{ id: 'hub', state: 'nothing' }]);
  });

  it('has its history pushed, which claude-mem set apart', async () => {
    const copy = new MemDatabase(file(), '13.25.3');
    copy.insert('sync_launch_exclusions', { kind: 'observation', origin_local_id: '1', through_rev: '1' });
    copy.insert('sync_launch_exclusions', { kind: 'observation', origin_local_id: '2', through_rev: '0' });
    copy.close();
    const found = (await ask(laptop, 'doctor', {})).checks.find(({ id }) => id === 'claude-mem.history');
    expect(found?.reason).toContain('1 row from before its sync was switched on is never pushed');
    expect((await ask(laptop, 'claude-mem-repair', { check: 'history', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
    const mended = new MemDatabase(file(), '13.25.3');
    expect(rowsOf(mended)).toMatchObject([{ synced: null }, { synced: 1 }]);
    mended.close();
    expect((await ask(laptop, 'claude-mem-repair', { check: 'history', apply: true })).repairs).toEqual([]);
  });

  it.each([
    ['sync hub push 400: {"error":"invalid_ops: revision_hash_conflict:observation:x:1"}', 'fail', 'refuses what claude-mem pushes'],
    ['sync hub push 401: unknown', 'fail', 'does not know the token'],
    ['sync hub push 409: {"error":"device_limit_exceeded"}', 'fail', 'takes no more devices'],
    ['fetch failed', 'warn', 'could not sync'],
  ])('is told what its worker says: %s', async (lastError, result, said) => {
    const worker = createServer((_request, response) => response.end(JSON.stringify({ lastError }))).listen(0, '127.0.0.1');
    await once(worker, 'listening');
    const { port } = worker.address() as AddressInfo;
    writeFileSync(path.join(home, 'worker.pid'), JSON.stringify({ pid: process.pid, port }));
    const check = (await ask(laptop, 'doctor', {})).checks.find(({ id }) => id === 'claude-mem.refused');
    worker.close();
    expect(check).toMatchObject({ result, evidence: [lastError] });
    expect(check?.reason).toContain(said);
  });
});

it.runIf(process.platform === 'linux')(
  'what its worker sent already is not taken in a second time from a database that was deleted under it, by whatever words it is told since',
  async () => {
    const memories = async (): Promise<number> => {
      const [space] = [...node.spaces.values()];
      const items = await space!.replica.exclusive(() => space!.replica.list({ prefix: 'claude-mem/observations/' }));
      return items.filter(({ content }) => content !== null).length;
    };
    observation('saved while connected');
    await pushOwn();
    await expect.poll(memories).toBe(3);
    database!.run("UPDATE observations SET narrative = 'told otherwise', sync_rev = '2' WHERE title = 'saved while connected'");
    const edited = { title: 'saved while connected', narrative: 'told otherwise', memory_session_id: 'm-s1', project: 'app', ...at };
    expect(
      (await other.push([row(DEVICE, { local: '3', rev: '2', payload: { ...edited, created_at_epoch: String(at.created_at_epoch) } })]))
        .status,
    ).toBe(200);
    const id = observation('not sent yet');
    database!.run('UPDATE observations SET synced_at = NULL WHERE id = ?', id);
    const script = fileURLToPath(new URL('mem-holder.mjs', import.meta.url));
    const worker = spawn(process.execPath, [script, path.join(folder, 'claude-mem.db')]);
    try {
      await once(worker.stdout, 'data');
      stop();
      for (const end of ['', '-wal', '-shm']) rmSync(path.join(folder, `claude-mem.db${end}`), { force: true });
      expect((await ask(node, 'claude-mem-repair', { check: 'open-file', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
      expect(await memories()).toBe(4);
    } finally {
      worker.kill('SIGKILL');
    }
  },
);
