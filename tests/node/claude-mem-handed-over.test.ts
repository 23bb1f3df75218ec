import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoConnection } from '../../src/node/claude-mem/connection.ts';
import { itemKey } from '../../src/core/item.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { cell, connect, runWorker, titles, twoMachines, type Connected, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/**
 * Two machines whose sources carried all rows. Then bea's worker was connected to its node, so that the source there carries sessions
 * alone, and did not run yet: what becomes elsewhere of its rows until then.
 */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;
let connected: Connected;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ bea }) => {
    for (const session of ['s1', 's2']) bea.session(session);
    // Lists spelled as their writer did: an op says what they mean, and no more.
    for (const title of ['one', 'two', 'three']) bea.observation('s1', title, { synced_at: 1, facts: '["a", "b"]' });
    bea.observation('s2', 'of s2', { synced_at: 1 });
    bea.summary('s1', 'Do it', { synced_at: 1 });
    bea.prompt('s1', 1, 'hello', { synced_at: 1 });
  }));
  await expect.poll(() => ana.rows(bea)).toEqual(bea.rows(ana));
});
afterEach(() => place.dispose());

const rowsOf = (node: SatchelNode): Promise<string[]> => {
  const { replica } = [...node.spaces.values()][0]!;
  return replica.exclusive(async () => (await replica.list({ kind: 'claude-mem' })).map(({ item }) => item.name));
};

/** Until bea's node has heard of it. */
async function heard(count: number): Promise<void> {
  await expect.poll(async () => (await rowsOf(beaNode)).length).toBe(count);
}

/** Until bea's node has heard of rows that say so. */
async function heardText(...words: readonly string[]): Promise<void> {
  const { replica } = [...beaNode.spaces.values()][0]!;
  const hears = async (): Promise<boolean> => {
    const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem' }));
    const bodies = await Promise.all(states.flatMap(({ content }) => (content === null ? [] : [replica.bodies.read(content)])));
    const text = bodies.map((body) => Buffer.from(body).toString()).join();
    return words.every((word) => text.includes(word));
  };
  await expect.poll(hears).toBe(true);
}

const ALL = 8;

/** The worker runs for the first time, and its history is brought in. */
async function firstRun(): Promise<SyncClient> {
  const worker = await runWorker(place, 'bea', connected);
  await worker.changes();
  const imported = (): Promise<unknown> => beaNode.store.read((tx) => tx.documents.get('claude-mem-imported', 'me'));
  await expect.poll(imported).toMatchObject({ device: 'device-bea' });
  return worker;
}

/** Both are equal, and stay so. */
async function settle(expected: readonly string[]): Promise<void> {
  await expect.poll(() => [titles(ana), titles(bea)]).toEqual([expected, expected]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect([titles(ana), titles(bea)]).toEqual([expected, expected]);
  // A hash that a machine worked out is its own.
  expect(ana.rows(bea, ['content_hash'])).toEqual(bea.rows(ana, ['content_hash']));
  expect(await ask(beaNode, 'conflicts', {})).toMatchObject({ conflicts: [] });
}

const sessionsOf = (of: MemDatabase): unknown => of.sql.prepare('select content_session_id from sdk_sessions order by 1').pluck().all();

describe('what becomes of a worker’s rows elsewhere after it was connected, and before it first runs', () => {
  beforeEach(async () => {
    connected = await connect(place, 'bea', beaNode);
  });

  it('deletions reach its database, and do not come back', async () => {
    ana.run("delete from observations where title = 'one'");
    ana.run('delete from session_summaries');
    await heard(ALL - 2);
    await firstRun();
    await settle(['of s2', 'three', 'two']);
    expect(bea.get('select count(*) from session_summaries')).toBe(0);
  });

  it('so do those of a session with all of its rows', async () => {
    ana.run("delete from sdk_sessions where content_session_id = 's2'");
    await heard(ALL - 2);
    await firstRun();
    await settle(['one', 'three', 'two']);
    await expect.poll(() => [sessionsOf(ana), sessionsOf(bea)]).toEqual([['s1'], ['s1']]);
  });

  it('a row that was edited here outlives that, and so does its session, whole', async () => {
    ana.run("delete from sdk_sessions where content_session_id = 's2'");
    await heard(ALL - 2);
    bea.run("update observations set subtitle = 'from bea' where title = 'of s2'");
    await firstRun();
    await settle(['of s2', 'one', 'three', 'two']);
    expect([sessionsOf(ana), sessionsOf(bea)]).toEqual([
      ['s1', 's2'],
      ['s1', 's2'],
    ]);
    expect(ana.get("select user_prompt from sdk_sessions where content_session_id = 's2'")).toBe('do it');
  });

  it('edits reach it, and are no conflict with what stands there', async () => {
    ana.run("update observations set subtitle = 'from ana' where title = 'two'");
    ana.run("update session_summaries set learned = 'from ana'");
    await heardText('"subtitle":"from ana"', '"learned":"from ana"');
    await firstRun();
    await expect.poll(() => cell(bea, 'subtitle', 'two')).toBe('from ana');
    await expect.poll(() => bea.get('select learned from session_summaries')).toBe('from ana');
    await settle(['of s2', 'one', 'three', 'two']);
  });

  it('an edit here meanwhile of what was edited elsewhere as well is a conflict, which keeps both', async () => {
    ana.run("update observations set subtitle = 'from ana' where title = 'two'");
    await heardText('"subtitle":"from ana"');
    bea.run("update observations set subtitle = 'from bea' where title = 'two'");
    await firstRun();
    const conflicted = async (): Promise<string[]> => (await ask(beaNode, 'conflicts', {})).conflicts.map(({ item }) => item);
    await expect.poll(async () => (await conflicted()).length).toBe(1);
    const { replica } = [...beaNode.spaces.values()][0]!;
    const item = { kind: 'claude-mem', name: (await conflicted())[0]! };
    const [sibling] = await replica.siblings(item);
    const there = (await replica.visible([item])).get(itemKey(item))?.content ?? null;
    const bodies = await Promise.all([there, sibling?.content ?? null].map((each) => replica.bodies.read(each!)));
    expect(bodies.map((body) => /"subtitle":"[^"]*"/.exec(Buffer.from(body).toString())?.[0])).toEqual([
      '"subtitle":"from ana"',
      '"subtitle":"from bea"',
    ]);
    expect(cell(ana, 'subtitle', 'two')).toBe('from ana');
  });

  it('what was forgotten does not come back', async () => {
    const { replica } = [...beaNode.spaces.values()][0]!;
    const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem' }));
    const items = states.map(({ item }) => item.name).filter((name) => name.includes('/observations/claude/s1/'));
    expect(await ask(anaNode, 'forget', { items })).toMatchObject({ erased: true });
    await heard(ALL - 3);
    const worker = await firstRun();
    await settle(['of s2']);
    const served = async (): Promise<string> => JSON.stringify((await worker.changes()).body['ops']);
    await expect.poll(served).not.toContain('about one');
  });

  it('its node may have been away meanwhile', async () => {
    await place.stop('bea');
    ana.run("delete from observations where title = 'one'");
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // ana's source has to see it
    const worker = await runWorker(place, 'bea', connected);
    beaNode = await place.start('bea', { port: Number(new URL(connected.url).port) });
    await worker.changes();
    await settle(['of s2', 'three', 'two']);
  });

  it('an edit here meanwhile outlives a deletion elsewhere, and what is new here is new there', async () => {
    ana.run("delete from observations where title in ('one', 'two')");
    await heard(ALL - 2);
    bea.run("update observations set subtitle = 'from bea' where title = 'two'");
    bea.observation('s1', 'four', { synced_at: 1 });
    await firstRun();
    await settle(['four', 'of s2', 'three', 'two']);
    expect(cell(ana, 'subtitle', 'two')).toBe('from bea');
  });

  it('an edit here of what tells a row outlives its deletion elsewhere: it is one, and stays', async () => {
    ana.run("delete from observations where title = 'one'");
    await heard(ALL - 1);
    bea.run("update observations set title = 'uno' where title = 'one'");
    await firstRun();
    await settle(['of s2', 'three', 'two', 'uno']);
    expect(bea.get("select count(*) from observations where title = 'uno'")).toBe(1);
  });
});

it('a row that was told by other words before stays the same one when it is deleted elsewhere', async () => {
  bea.run("update observations set title = 'uno' where title = 'one'");
  bea.run("update session_summaries set request = 'Do that'");
  await expect.poll(() => [titles(ana), ana.get('select request from session_summaries')]).toEqual([titles(bea), 'Do that']);
  connected = await connect(place, 'bea', beaNode);
  ana.run("delete from observations where title = 'uno'");
  ana.run('delete from session_summaries');
  await heard(ALL - 2);
  await firstRun();
  await settle(['of s2', 'three', 'two']);
  expect(bea.get('select count(*) from session_summaries')).toBe(0);
});

describe('what is deleted in its database after it was connected, and before it first runs', () => {
  beforeEach(async () => {
    connected = await connect(place, 'bea', beaNode);
  });

  it('is deleted elsewhere', async () => {
    bea.run("delete from observations where title = 'one'");
    bea.run('delete from user_prompts');
    await firstRun();
    await settle(['of s2', 'three', 'two']);
    expect([ana, bea].map((of) => of.get('select count(*) from user_prompts'))).toEqual([0, 0]);
  });

  it('is also where its node was away', async () => {
    await place.stop('bea');
    bea.run("delete from observations where title = 'one'");
    const worker = await runWorker(place, 'bea', connected);
    beaNode = await place.start('bea', { port: Number(new URL(connected.url).port) });
    await worker.changes();
    await settle(['of s2', 'three', 'two']);
  });

  it('goes with its session, if that was deleted', async () => {
    bea.run("delete from sdk_sessions where content_session_id = 's2'");
    await firstRun();
    await settle(['one', 'three', 'two']);
    expect([sessionsOf(ana), sessionsOf(bea)]).toEqual([['s1'], ['s1']]);
  });

  it('stays where it was changed elsewhere meanwhile', async () => {
    bea.run("delete from observations where title = 'one'");
    ana.run("update observations set subtitle = 'from ana' where title = 'one'");
    await heardText('"subtitle":"from ana"');
    const worker = await firstRun();
    const served = async (): Promise<string> => JSON.stringify((await worker.changes()).body['ops']);
    await expect.poll(served).toContain('from ana');
    expect(titles(ana)).toEqual(['of s2', 'one', 'three', 'two']);
  });

  it('is nothing that goes after it first ran, whatever device id it has later', async () => {
    await firstRun();
    bea.run("delete from observations where title = 'one'");
    const file = path.join(place.home('bea'), '.claude-mem', 'settings.json');
    const written = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
    await writeFile(file, JSON.stringify({ ...written, CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'device-other' }));
    ana.observation('s1', 'four', { synced_at: 1 });
    const imported = (): Promise<unknown> => beaNode.store.read((tx) => tx.documents.get('claude-mem-imported', 'me'));
    await expect.poll(imported).toMatchObject({ device: 'device-other' });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(titles(ana)).toEqual(['four', 'of s2', 'one', 'three', 'two']);
  });

  it('is what it was told of last only: a row that comes again is there', async () => {
    const row = bea.sql.prepare("select * from observations where title = 'one'").get() as Record<string, string>;
    bea.run("delete from observations where title = 'one'");
    const { id: _, ...cells } = row;
    bea.insert('observations', cells);
    await firstRun();
    await settle(['of s2', 'one', 'three', 'two']);
  });
});

it('most of a database gone at once is no wish: it comes again from the space', async () => {
  for (let at = 0; at < 30; at += 1) bea.observation('s1', `more ${at}`, { synced_at: 1 });
  await heard(ALL + 30);
  connected = await connect(place, 'bea', beaNode);
  bea.run('delete from observations');
  const worker = await firstRun();
  const served = async (): Promise<string> => JSON.stringify((await worker.changes()).body['ops']);
  await expect.poll(served).toContain('about more 29');
  expect(titles(ana)).toHaveLength(34);
});

/** What a client holds that read everything: rows by the device that they are of. An observation that says the same as one that it has is left out. */
async function heldBy(client: SyncClient): Promise<string[]> {
  const rows = new Map<string, { readonly says: string; readonly row: string }>();
  const ops = (await client.changes()).body['ops'] as readonly { readonly body: string }[];
  for (const { body } of ops) {
    const { id, kind, deleted, origin_device_id: device, payload } = JSON.parse(body) as OpSays;
    if (kind === 'mutation') continue;
    const says = kind === 'observation' ? `${payload?.memory_session_id} ${payload?.title} ${payload?.narrative}` : id;
    if (deleted) rows.delete(id);
    else if (rows.has(id) || [...rows.values()].every((held) => held.says !== says)) rows.set(id, { says, row: `${device} ${kind}` });
  }
  return Array.from(rows.values(), ({ row }) => row).toSorted();
}
interface OpSays {
  readonly id: string;
  readonly kind: string;
  readonly deleted: boolean;
  readonly origin_device_id: string;
  readonly payload: { readonly memory_session_id: string; readonly title: string; readonly narrative: string } | null;
}
const OWN_ROWS = [...Array.from({ length: 4 }, () => 'observation'), 'prompt', 'summary'].map((kind) => `device-bea ${kind}`);

it('rows that other clients were given as the space’s are its own from when it is connected: nobody has them twice', async () => {
  const { token, url } = await ask(beaNode, 'claude-mem-token-add', { user: 'me', name: '' });
  const other = createSyncClient({ url, token, user: 'me', device: 'device-other' });
  await other.changes();
  await expect.poll(() => heldBy(other)).toEqual(OWN_ROWS.map((row) => row.replace('device-bea', 'satchel')));
  connected = await connect(place, 'bea', beaNode);
  const worker = await firstRun();
  await expect.poll(() => heldBy(worker)).toEqual(OWN_ROWS);
  // An edit elsewhere is one of that row.
  ana.run("update session_summaries set learned = 'from ana'");
  await expect.poll(() => bea.get('select learned from session_summaries')).toBe('from ana');
  expect(await heldBy(other)).toEqual(OWN_ROWS);
});

it('so are those that were made while it was disconnected for a time', async () => {
  connected = await connect(place, 'bea', beaNode);
  await firstRun();
  expect(await undoConnection(beaNode.home)).toMatchObject({ ok: true });
  await ask(beaNode, 'claude-mem-reconnected', {});
  bea.summary('s2', 'Do more', { synced_at: 1 });
  await expect.poll(() => ana.get('select count(*) from session_summaries')).toBe(2);
  connected = await connect(place, 'bea', beaNode);
  const worker = await firstRun();
  await expect.poll(() => heldBy(worker)).toEqual([...OWN_ROWS, 'device-bea summary']);
  // What the feed and the source carried meanwhile does not change anything.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await heldBy(worker)).toEqual([...OWN_ROWS, 'device-bea summary']);
  expect(ana.rows(bea, ['content_hash'])).toEqual(bea.rows(ana, ['content_hash']));
});
