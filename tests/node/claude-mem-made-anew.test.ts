import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoConnection } from '../../src/node/claude-mem/connection.ts';
import type { Check } from '../../src/node/doctor/check.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient } from '../gateways/claude-mem-client.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, mem, runWorker, startBoth, type Connected } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/** A database that was deleted, and written anew from the space: its rows have other numbers under the device id that pushed them. */
let place: Place;
let ana: MemDatabase;
let bea: MemDatabase;
let nodes: { readonly ana: SatchelNode; readonly bea: SatchelNode };

beforeEach(async () => {
  place = await Place.create();
  ana = await mem(place, 'ana');
  bea = await mem(place, 'bea');
});
afterEach(async () => {
  await place.dispose();
  for (const each of [ana, bea]) each.sql.close();
});

const countsOf = (of: MemDatabase): number[] =>
  ['sdk_sessions', 'observations', 'session_summaries', 'user_prompts'].map((table) => of.get(`select count(*) from ${table}`) as number);

function work(of: MemDatabase, session: string): void {
  of.session(session);
  for (const each of [1, 2, 3]) {
    const at = { created_at_epoch: 1_760_000_000_000 + of.get<number>('select coalesce(max(id), 0) from observations') * 7 + each };
    of.observation(session, `${session} ${each}`, at);
    of.summary(session, `${session} ${each}`, at);
    of.prompt(session, each, `${session} ${each}`, at);
  }
}

async function settingsOf(machine: string): Promise<Record<string, string>> {
  return JSON.parse(await readFile(path.join(place.home(machine), '.claude-mem', 'settings.json'), 'utf8')) as Record<string, string>;
}

const checks = async (node: SatchelNode): Promise<Check[]> =>
  ((await ask(node, 'doctor', {})).checks as Check[]).filter(({ id, result }) => id.startsWith('claude-mem') && result !== 'ok');

async function disconnect(node: SatchelNode): Promise<void> {
  expect(await undoConnection(node.home)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
}

/** Deleted with its log, made anew by the worker, and filled again from the space. */
async function madeAnew(behind: number): Promise<void> {
  const before = countsOf(ana);
  ana.sql.close();
  for (const end of ['', '-wal', '-shm']) await rm(`${ana.file}${end}`, { force: true });
  ana = await mem(place, 'ana');
  for (const table of ['observations', 'session_summaries', 'user_prompts'])
    ana.run(`INSERT INTO sqlite_sequence (name, seq) VALUES ('${table}', ${behind})`);
  const pending = async (): Promise<readonly { readonly id: string }[]> => (await ask(nodes.ana, 'pending', {})).pending;
  await expect.poll(async () => (await pending()).length).toBe(1);
  await ask(nodes.ana, 'answer-pending', { answer: 'reject', ids: [(await pending())[0]!.id] });
  await expect.poll(() => countsOf(ana)).toEqual(before);
}

/** The worker runs, under the device id that its settings say, and goes on for a while. Its refusals are its own affair. */
async function running({ url, token }: Connected): Promise<ModelWorker> {
  const device = (await settingsOf('ana'))['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID'] ?? '';
  const worker = new ModelWorker(createSyncClient({ url, token, user: 'me', device }), ana);
  for (let round = 0; round < 6; round += 1) {
    await worker.pull();
    await worker.push().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return worker;
}

describe.each([
  ['some of which another row had', 0],
  ['that no row had', 1_000],
])('a database that was made anew, and written again from the space under numbers %s', (_, behind) => {
  let connected: Connected;
  let all: number[];

  beforeEach(async () => {
    nodes = await startBoth(place);
    work(bea, 'b1');
    work(ana, 'a1');
    await expect.poll(() => countsOf(ana)).toEqual([2, 6, 6, 6]);
    connected = await connect(place, 'ana', nodes.ana);
    const worker = new ModelWorker(await runWorker(place, 'ana', connected), ana);
    await worker.pull();
    work(ana, 'a2');
    await worker.push();
    all = [3, 9, 9, 9];
    await expect.poll(() => countsOf(bea)).toEqual(all);
    await disconnect(nodes.ana);
    work(bea, 'b2');
    all = [4, 12, 12, 12];
    await expect.poll(() => countsOf(ana)).toEqual(all);
    await madeAnew(behind);
    connected = await connect(place, 'ana', nodes.ana);
  });

  it('is told from settings that were copied, doubles nothing before it is repaired, and nothing after', async () => {
    // A worker takes a while to start again.
    const marked = (): number => ana.get('select count(*) from session_summaries where origin_device_id is not null');
    await expect.poll(marked).toBeGreaterThan(0);
    await running(connected);
    expect(countsOf(ana)).toEqual(all);
    const [found] = await checks(nodes.ana);
    expect(found).toMatchObject({ id: 'claude-mem.lost-rows', result: 'fail' });
    expect(found?.reason).toContain('is not the one');
    expect(found?.evidence[1]).toMatch(/rows are there under another number$/);
    const before = (await settingsOf('ana'))['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID'];
    expect((await ask(nodes.ana, 'claude-mem-repair', { apply: true })).repairs).toMatchObject([{ id: 'lost-rows', state: 'done' }]);
    expect((await settingsOf('ana'))['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID']).not.toBe(before);
    await running(connected);
    expect(countsOf(ana)).toEqual(all);
    work(ana, 'a3');
    await running(connected);
    await expect.poll(() => countsOf(bea)).toEqual([5, 15, 15, 15]);
    expect(countsOf(ana)).toEqual([5, 15, 15, 15]);
    expect(await checks(nodes.ana)).toEqual([]);
    for (const each of [ana, bea]) each.check();
  });
});
