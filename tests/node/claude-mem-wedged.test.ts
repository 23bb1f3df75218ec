import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { idOf, row, tombstone } from '../gateways/claude-mem-ops.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, mem, runWorker, type Connected } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/** A worker that read another feed before, and holds states of rows under revisions that this one tells by other bytes. */
let place: Place;
let machine: string;
let node: SatchelNode;
let ana: MemDatabase;
let worker: ModelWorker;
let other: SyncClient;

const at = { created_at: '2026-01-01T00:00:00.000Z', created_at_epoch: 1_767_225_600_000, memory_session_id: 'm-1' };

async function begin(name: string, connectIt: (of: SatchelNode) => Promise<Connected>): Promise<void> {
  machine = name;
  place = await Place.create();
  ana = await mem(place, machine);
  ana.session('c-1', { memory_session_id: 'm-1' });
  node = await place.start(machine);
  const connected = await connectIt(node);
  worker = new ModelWorker(await runWorker(place, machine, connected), ana);
  other = createSyncClient({ ...connected, user: 'me', device: 'other' });
  await worker.pull();
}
afterEach(async () => {
  ana.sql.close();
  await place.dispose();
});

/** As the worker got it from elsewhere: a summary of the other device, at revision 1. */
function held(local: string, request: string, learned: string): void {
  ana.summary('c-1', request, {
    ...at,
    learned,
    project: 'shop',
    synced_at: 1,
    origin_device_id: 'other',
    origin_local_id: local,
    sync_rev: '1',
  });
  ana.run(
    'insert into sync_entity_heads values (?, ?, ?, ?, ?, ?, 0, 0)',
    ...[idOf('summary', 'other', local), 'summary', 'other', local, '1', 'another-hash'],
  );
}

const summaries = (): unknown =>
  ana.sql.prepare('select request, learned, origin_device_id, origin_local_id from session_summaries').raw().all();
const summary = (device: string, local: string, payload: Record<string, unknown> = {}) => row(device, { kind: 'summary', local, payload });
const named = async (): Promise<string[]> =>
  (await ask(node, 'doctor', {})).checks
    .filter(({ id, result }) => id === 'claude-mem.wedged' && result !== 'ok')
    .map(({ reason }) => reason);
const status = async (): Promise<[inSync: boolean, verdict: string]> => {
  const { in_sync: inSync, verdict } = await ask(node, 'status', {});
  return [inSync, verdict];
};
const IN_SYNC = [true, expect.stringContaining('Everything is kept here')];
const WEDGED = [false, expect.stringMatching(/^Not everything is in sync: claude-mem takes in nothing more .*repair wedged$/)];

function logged(...lines: readonly string[]): void {
  const logs = path.join(place.home(machine), '.claude-mem', 'logs');
  mkdirSync(logs, { recursive: true });
  writeFileSync(path.join(logs, 'claude-mem-2026-11-22.log'), lines.map((line) => `[2026-11-22 08:18:17.916] ${line}\n`).join(''));
}
const STARTED = '[INFO ] [CLOUD_SYNC] Cloud sync active — kicking post-launch catch-up drain {hubUrl=http://127.0.0.1:1/claude-mem}';
const SAME = 'SyncApply: invalid op seq=1 kind=summary origin=other/7: same entity revision has a different canonical operation hash';
const wedgedAt = (cursor: string, why = SAME): string =>
  `[WARN ] [SYNC_CLIENT] Pull wedged: the same page keeps failing; backing off and retrying {cursor=${cursor}, failStreak=3, backoffMs=120000} ${why}`;

const repair = async (apply: boolean) => (await ask(node, 'claude-mem-repair', { check: 'wedged', apply })).repairs;

describe('through its own node', () => {
  beforeEach(() => begin('ana', (of) => connect(place, 'ana', of)));

  it('is no state in sync, whatever it could not take in, until it starts anew', async () => {
    const why = 'UNIQUE constraint failed: observations.memory_session_id, observations.content_hash';
    logged(STARTED, wedgedAt(worker.cursor, why));
    expect(await named()).toEqual([expect.stringContaining('cannot take in the page')]);
    expect(await status()).toEqual([false, expect.stringContaining('claude-mem takes in nothing more')]);
    logged(STARTED, wedgedAt(worker.cursor, why), STARTED);
    expect([await named(), await status()]).toEqual([[], IN_SYNC]);
  });

  it('is named, and takes in what is served and what is behind; what it had is kept beside', async () => {
    held('7', 'Do it', 'from elsewhere');
    await other.push([summary('other', '7'), summary('other', '8', { request: 'Behind' })]);
    await expect(worker.pull()).rejects.toThrow('wedged at other/7');
    expect(await named()).toEqual([expect.stringContaining('takes in nothing more')]);
    expect(await repair(false)).toMatchObject([
      { id: 'wedged', state: 'would', evidence: ['1 such state is ahead of it, the first under number 1'] },
    ]);
    await expect(worker.pull()).rejects.toThrow('wedged');
    const [done] = await repair(true);
    expect(done).toMatchObject({ state: 'done', backup: expect.stringContaining('claude-mem.db') });
    await worker.pull();
    expect(summaries()).toEqual([
      ['Do it', 'much', 'other', '7'],
      ['Behind', 'much', 'other', '8'],
    ]);
    expect([await named(), await repair(true)]).toEqual([[], []]);
  });

  it('leaves a row where it stands that is gone there', async () => {
    held('7', 'Do it', 'much');
    await other.push([tombstone('other', { kind: 'summary', local: '7' }), summary('other', '8', { request: 'Behind' })]);
    await expect(worker.pull()).rejects.toThrow('wedged');
    expect(await repair(true)).toMatchObject([{ state: 'done' }]);
    await worker.pull();
    expect(summaries()).toEqual([
      ['Do it', 'much', 'other', '7'],
      ['Behind', 'much', 'other', '8'],
    ]);
  });

  it('knows a row again that is gone under one name and there under another', async () => {
    held('7', 'Do it', 'much');
    const third = createSyncClient({ ...(await connectedAs('third')), device: 'third' });
    await third.push([summary('third', '3')]);
    await other.push([tombstone('other', { kind: 'summary', local: '7' })]);
    await expect(worker.pull()).rejects.toThrow('wedged');
    expect(await repair(true)).toMatchObject([{ state: 'done' }]);
    await worker.pull();
    expect(summaries()).toEqual([['Do it', 'much', 'third', '3']]);
  });

  it('is nothing where it holds what is served', async () => {
    await other.push([summary('other', '7')]);
    await worker.pull();
    await other.push([row('other', { kind: 'summary', local: '7', rev: '2', payload: { learned: 'more' } })]);
    expect([await named(), await repair(true)]).toEqual([[], []]);
  });
});

async function connectedAs(name: string): Promise<{ url: string; token: string; user: string }> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name });
  return { token, url, user: 'me' };
}

describe('through another node', () => {
  beforeEach(() =>
    begin('bea', async (of) => {
      const hub = await place.start('hub', { hub: true });
      const { token, url } = await ask(hub, 'claude-mem-token-add', { user: 'me', name: '' });
      const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
      expect(await writeConnection(of.home, path.join(place.home('bea'), '.claude-mem'), settings, null)).toMatchObject({ ok: true });
      return { token, url };
    }),
  );

  it('is named by what claude-mem logs, and repaired by what that one serves', async () => {
    held('7', 'Do it', 'from elsewhere');
    await other.push([summary('other', '7')]);
    await expect(worker.pull()).rejects.toThrow('wedged');
    expect(await named()).toEqual([]);
    logged(wedgedAt('5'));
    expect([await named(), await status()]).toEqual([[], IN_SYNC]);
    logged(wedgedAt('5'), wedgedAt(worker.cursor));
    expect([await named(), await status()]).toEqual([[expect.stringContaining('cannot take in the page')], WEDGED]);
    expect(await repair(true)).toMatchObject([{ id: 'wedged', state: 'done' }]);
    // Its log says so still.
    expect([await named(), await repair(true), await status()]).toEqual([[], [], IN_SYNC]);
    await worker.pull();
    expect(summaries()).toEqual([['Do it', 'much', 'other', '7']]);
    expect([await named(), await repair(true), await status()]).toEqual([[], [], IN_SYNC]);
  });
});
