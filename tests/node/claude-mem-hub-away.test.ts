import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, connectElsewhere, disconnect, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/** bea's worker goes to ana's gateway while bea's node does not run, and ana deleted and edited meanwhile. */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines());
  bea.session('s1');
  for (const title of ['one', 'two', 'three', 'four']) bea.observation('s1', title);
  bea.summary('s1', 'Do it');
  bea.prompt('s1', 1, 'hello');
  await expect.poll(() => count(ana)).toBe(6);
});
afterEach(() => place.dispose());

const TABLES = ['observations', 'session_summaries', 'user_prompts'];
const count = (of: MemDatabase): number => TABLES.reduce((sum, table) => sum + of.get<number>(`select count(*) from ${table}`), 0);
const said = (of: MemDatabase): unknown => [
  of.sql.prepare('select title, narrative from observations order by title, id').raw().all(),
  of.sql.prepare('select learned from session_summaries').pluck().all(),
  of.sql.prepare('select prompt_text from user_prompts').pluck().all(),
];

/** bea's node ends; ana deletes and edits, and has others know. */
async function whileAway(): Promise<number> {
  const port = Number(new URL(beaNode.address!).port);
  await place.stop('bea');
  ana.run("delete from observations where title in ('one', 'four')");
  ana.run("update observations set narrative = 'of ana' where title = 'two'");
  ana.run("update session_summaries set learned = 'of ana'");
  await ask(anaNode, 'sync', {});
  return port;
}

async function goOn(worker: ModelWorker): Promise<void> {
  for (let round = 0; round < 12; round += 1) {
    await worker.pull();
    await worker.push();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

const AFTERWARDS = [
  [
    ['three', 'about three'],
    ['two', 'of ana'],
  ],
  ['of ana'],
  ['hello'],
];

/** Once its worker ran there, with its node away and back, and after all were disconnected. */
async function staysSo(expected: unknown, port: number): Promise<void> {
  const connected = await connectElsewhere(place, 'bea', beaNode, anaNode);
  expect(said(bea)).toEqual(expected);
  await place.stop('bea');
  const worker = new ModelWorker(await runWorker(place, 'bea', connected), bea);
  await goOn(worker);
  beaNode = await place.start('bea', { port });
  await goOn(worker);
  expect([said(ana), said(bea)]).toEqual([expected, expected]);
  await disconnect(beaNode);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect([said(ana), said(bea)]).toEqual([expected, expected]);
  expect((await ask(anaNode, 'conflicts', {})).conflicts).toEqual([]);
}

describe('what others deleted and edited while the node of a machine was away', () => {
  it('is so after its worker went to another node’s gateway meanwhile', async () => {
    const port = await whileAway();
    beaNode = await place.start('bea', { live: false });
    await staysSo(AFTERWARDS, port);
  });

  it('is so where its worker synced through its own node before, of what that made too', async () => {
    const own = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
    await goOn(own);
    for (const title of ['five', 'six']) bea.observation('s1', title, { synced_at: null });
    await own.push();
    await expect.poll(() => titles(ana)).toContain('six');
    const port = await whileAway();
    ana.run("delete from observations where title = 'five'");
    ana.run("update observations set narrative = 'of ana' where title = 'six'");
    await ask(anaNode, 'sync', {});
    beaNode = await place.start('bea', { live: false });
    await staysSo([[['six', 'of ana'], ...(AFTERWARDS[0] as string[][])], AFTERWARDS[1], AFTERWARDS[2]], port);
  });

  it('is not known without the home of their space: then nothing is changed', async () => {
    await whileAway();
    const { url, token } = await ask(anaNode, 'claude-mem-token-add', { user: 'me', name: '' });
    await place.stop('ana');
    beaNode = await place.start('bea', { live: false });
    const before = said(bea);
    await expect(ask(beaNode, 'claude-mem-reconnecting', { to: { url, user: 'me', token } })).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('nothing was changed'),
    });
    expect(said(bea)).toEqual(before);
    expect(bea.get('select count(*) from observations where origin_device_id is not null')).toBe(0);
  });
});
