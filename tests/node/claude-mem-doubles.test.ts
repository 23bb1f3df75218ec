import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import path from 'node:path';
import { adoptFromHub } from '../../src/node/claude-mem/adopt-at-connect.ts';
import { undoConnection, writeConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, mem, runWorker, startBoth, type Connected } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/** Rows that a database had by Satchel, and that claude-mem's own sync then serves to it: it knows them by device and number alone. */
let place: Place;
let ana: MemDatabase;
let bea: MemDatabase;
let anaNode: SatchelNode;
let beaNode: SatchelNode;

beforeEach(async () => {
  place = await Place.create();
  ana = await mem(place, 'ana');
  bea = await mem(place, 'bea');
});
afterEach(async () => {
  for (const each of [ana, bea]) each.sql.close();
  await place.dispose();
});

const countsOf = (of: MemDatabase): number[] =>
  ['observations', 'session_summaries', 'user_prompts'].map((table) => of.get(`select count(*) from ${table}`) as number);

const rowsOf = (node: SatchelNode): Promise<string[]> => {
  const { replica } = [...node.spaces.values()][0]!;
  return replica.exclusive(async () => (await replica.list({ kind: 'claude-mem' })).map(({ item }) => item.name));
};

async function disconnect(node: SatchelNode): Promise<void> {
  expect(await undoConnection(node.home)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
}

const workerOf = async (machine: string, of: MemDatabase, connected: Connected): Promise<ModelWorker> =>
  new ModelWorker(await runWorker(place, machine, connected), of);

/** The worker goes on for a while, and no row stands twice. */
async function settled(worker: ModelWorker, counts: readonly number[]): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    await worker.pull();
    await worker.push();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(countsOf(worker.database)).toEqual(counts);
}

describe('a worker that was connected, disconnected and connected again', () => {
  beforeEach(async () => {
    ana.session('s1');
    anaNode = await place.start('ana');
    const first = await workerOf('ana', ana, await connect(place, 'ana', anaNode));
    ana.observation('s1', 'before');
    await first.push();
    await expect.poll(async () => (await rowsOf(anaNode)).length).toBe(2);
    await disconnect(anaNode);
  });

  it('is not given what was saved in between, nor what was edited then', async () => {
    ana.observation('s1', 'zoo2');
    ana.summary('s1', 'Do it');
    ana.prompt('s1', 1, 'hello');
    await expect.poll(async () => (await rowsOf(anaNode)).length).toBe(5);
    ana.run("update observations set title = 'zoo3' where title = 'zoo2'");
    ana.run("update session_summaries set request = 'Do that'");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const imported = async (): Promise<string | undefined> =>
      (await anaNode.store.read((tx) => tx.documents.get<{ connection: string }>('claude-mem-imported', 'me')))?.connection;
    const before = await imported();
    const again = await workerOf('ana', ana, await connect(place, 'ana', anaNode));
    // It is heard before it is served anything.
    await again.client.status();
    await expect.poll(imported).not.toBe(before);
    await again.pull();
    expect(countsOf(ana)).toEqual([2, 1, 1]);
    await settled(again, [2, 1, 1]);
    expect((await rowsOf(anaNode)).length).toBe(5);
  });
});

describe('rows that two machines have by Satchel', () => {
  const all = [3, 1, 1];

  beforeEach(async () => {
    ana.session('s1');
    for (const title of ['one', 'two', 'three']) ana.observation('s1', title);
    ana.summary('s1', 'Do it');
    ana.prompt('s1', 1, 'hello');
    ({ ana: anaNode, bea: beaNode } = await startBoth(place));
    await expect.poll(() => countsOf(bea)).toEqual(all);
  });

  /** As `connect --hub` does at bea, with a token of ana's node. */
  async function connectBea(user: string, hub: SatchelNode): Promise<Connected> {
    const folder = path.join(place.home('bea'), '.claude-mem');
    const { token, url } = await ask(hub, 'claude-mem-token-add', { user, name: '' });
    const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: user, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
    expect(await writeConnection(beaNode.home, folder, settings, null)).toMatchObject({ ok: true });
    await ask(beaNode, 'claude-mem-reconnected', {});
    expect(await adoptFromHub(folder, { url, user, token }, 1)).toMatchObject({ ok: true });
    return { url, token, user };
  }

  it('stand once at each when one syncs through the other’s node, and what becomes of them comes along', async () => {
    const first = await workerOf('ana', ana, await connect(place, 'ana', anaNode));
    await first.pull();
    await first.push();
    const second = await workerOf('bea', bea, await connectBea('me', anaNode));
    await settled(second, all);
    await settled(first, all);
    ana.run("update session_summaries set learned = 'more', sync_rev = '2', synced_at = null");
    await first.push();
    await settled(second, all);
    expect(bea.get('select learned from session_summaries')).toBe('more');
    expect((await rowsOf(anaNode)).length).toBe(6);
  });

  it('stand once at each where both sync with a hub that is no machine of theirs', async () => {
    const hub = await place.start('hub', { hub: true });
    const folder = path.join(place.home('ana'), '.claude-mem');
    const { token, url } = await ask(hub, 'claude-mem-token-add', { user: 'ada', name: '' });
    const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'ada', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
    expect(await writeConnection(anaNode.home, folder, settings, null)).toMatchObject({ ok: true });
    await ask(anaNode, 'claude-mem-reconnected', {});
    const first = await workerOf('ana', ana, { url, token, user: 'ada' });
    await first.push();
    const second = await workerOf('bea', bea, await connectBea('ada', hub));
    await settled(second, all);
    await settled(first, all);
  });

  it('stand once where a worker goes over from the other’s node to its own, and back', async () => {
    const first = await workerOf('ana', ana, await connect(place, 'ana', anaNode));
    await first.push();
    const through = await workerOf('bea', bea, await connectBea('me', anaNode));
    await settled(through, all);
    await disconnect(beaNode);
    const own = await workerOf('bea', bea, await connect(place, 'bea', beaNode));
    await settled(own, all);
    // What becomes of them comes by that way now.
    ana.run("update session_summaries set learned = 'more', sync_rev = '2', synced_at = null");
    await first.push();
    await expect
      .poll(async () => {
        await own.pull();
        return bea.get('select learned from session_summaries');
      })
      .toBe('more');
    await settled(own, all);
    await disconnect(beaNode);
    await settled(await workerOf('bea', bea, await connectBea('me', anaNode)), all);
    await settled(first, all);
    expect((await rowsOf(anaNode)).length).toBe(6);
  });

  it('and do so after a repair, for good, where settings were written by hand', async () => {
    const first = await workerOf('ana', ana, await connect(place, 'ana', anaNode));
    await first.push();
    const { token, url } = await ask(anaNode, 'claude-mem-token-add', { user: 'me', name: '' });
    const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
    expect(await writeConnection(beaNode.home, path.join(place.home('bea'), '.claude-mem'), settings, null)).toMatchObject({ ok: true });
    await ask(beaNode, 'claude-mem-reconnected', {});
    const second = await workerOf('bea', bea, { url, token });
    await second.pull();
    expect(countsOf(bea)).toEqual([3, 2, 2]);
    expect((await ask(beaNode, 'claude-mem-repair', { check: 'doubles', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
    await settled(second, all);
    ana.run("update session_summaries set learned = 'more', sync_rev = '2', synced_at = null");
    await first.push();
    await settled(second, all);
    expect(bea.get('select learned from session_summaries')).toBe('more');
  });

  it('a machine that edited one of them keeps what it wrote', async () => {
    const first = await workerOf('ana', ana, await connect(place, 'ana', anaNode));
    await first.push();
    await place.stop('bea');
    bea.run("update session_summaries set learned = 'by bea'");
    const folder = path.join(place.home('bea'), '.claude-mem');
    const { token, url } = await ask(anaNode, 'claude-mem-token-add', { user: 'me', name: '' });
    expect(await adoptFromHub(folder, { url, user: 'me', token }, 1)).toEqual({ ok: true, value: 5 });
    expect(await adoptFromHub(folder, { url, user: 'me', token }, 1)).toEqual({ ok: true, value: 0 });
    const second = await workerOf('bea', bea, { url, token });
    await second.pull();
    await second.push();
    expect(countsOf(bea)).toEqual(all);
    expect(bea.get('select learned from session_summaries')).toBe('by bea');
  });
});
