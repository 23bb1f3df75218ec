import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentHash } from '../../src/kinds/claude-mem/content-hash.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, connectElsewhere, disconnect, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/** bea's worker is the first that ever syncs through ana's gateway, while both databases hold the rows of both by Satchel. */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;

const ROWS = ['of ana', 'of bea', 'other', 'third'];

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ ana, bea }) => {
    for (const of of [ana, bea]) of.session('s1');
    for (const title of ['of ana', 'other']) ana.observation('s1', title);
    for (const title of ['of bea', 'third']) bea.observation('s1', title);
    ana.summary('s1', 'Do it');
    bea.prompt('s1', 1, 'hello');
  }));
  for (const of of [ana, bea]) await expect.poll(() => titles(of)).toEqual(ROWS);
});
afterEach(() => place.dispose());

const narratives = (of: MemDatabase): unknown => of.sql.prepare('select title, narrative from observations order by title, id').raw().all();
const edit = (title: string, narrative: string): void => bea.run('update observations set narrative = ? where title = ?', narrative, title);

async function rounds(count: number, ...workers: readonly ModelWorker[]): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    for (const worker of workers) {
      await worker.pull();
      await worker.push();
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

/** Both databases say so, once her worker is disconnected. */
async function afterwards(edited: readonly string[], as: string): Promise<void> {
  await disconnect(beaNode);
  const expected = ROWS.map((title) => [title, edited.includes(title) ? as : `about ${title}`]);
  const said = (): unknown => [ana, bea].map(narratives);
  await expect.poll(said).toEqual([expected, expected]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(said()).toEqual([expected, expected]);
  for (const table of ['session_summaries', 'user_prompts'])
    expect([ana, bea].map((of) => of.get(`select count(*) from ${table}`))).toEqual([1, 1]);
  expect((await ask(beaNode, 'conflicts', {})).conflicts).toEqual([]);
}

describe('a gateway that nobody used before', () => {
  it('has served what the space has when a worker is connected to it: rows that are edited before that starts stand once', async () => {
    const connected = await connectElsewhere(place, 'bea', beaNode, anaNode);
    for (const title of ['of ana', 'of bea']) edit(title, 'edited');
    bea.run("update session_summaries set learned = 'edited'");
    const worker = new ModelWorker(await runWorker(place, 'bea', connected), bea);
    await rounds(12, worker);
    expect([titles(ana), titles(bea)]).toEqual([ROWS, ROWS]);
    await afterwards(['of ana', 'of bea'], 'edited');
    expect([ana, bea].map((of) => of.get('select learned from session_summaries'))).toEqual(['edited', 'edited']);
  });

  it('and so where the worker synced through its own node before, and rows were edited there as well', async () => {
    const own = await connect(place, 'bea', beaNode);
    for (const title of ['of ana', 'of bea']) edit(title, 'first');
    const atHome = new ModelWorker(await runWorker(place, 'bea', own), bea);
    await rounds(12, atHome);
    const connected = await connectElsewhere(place, 'bea', beaNode, anaNode);
    for (const title of ['of ana', 'of bea', 'third']) edit(title, 'second');
    await rounds(12, new ModelWorker(await runWorker(place, 'bea', connected), bea));
    expect([titles(ana), titles(bea)]).toEqual([ROWS, ROWS]);
    await afterwards(['of ana', 'of bea', 'third'], 'second');
  });

  it('says so where it serves nothing before claude-mem there has run, which is connected to it', async () => {
    const own = await connect(place, 'ana', anaNode);
    const { token, url } = await ask(anaNode, 'claude-mem-token-add', { user: 'me', name: '' });
    const to = { url, user: 'me', token };
    const asked = (): Promise<unknown> => ask(beaNode, 'claude-mem-reconnecting', { to });
    expect(await asked()).toMatchObject({ unlooked: null, unmarked: expect.stringContaining('start it there') });
    const atHome = new ModelWorker(await runWorker(place, 'ana', own), ana);
    await rounds(12, atHome);
    expect(await asked()).toMatchObject({ unmarked: null, marked: 6 });
  });

  it('keeps nobody waiting for what no space is behind', async () => {
    const hub = await place.start('hub', { hub: true });
    const { token, url } = await ask(hub, 'claude-mem-token-add', { user: 'ada', name: '' });
    const began = Date.now();
    expect(await ask(beaNode, 'claude-mem-reconnecting', { to: { url, user: 'ada', token } })).toMatchObject({ unmarked: null, marked: 0 });
    expect(Date.now() - began).toBeLessThan(30_000);
  });
});

it('a gateway’s own worker takes in what was served of its rows before it came, also where one was edited in between', async () => {
  const away = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
  await rounds(2, away);
  for (const words of ['second', 'third']) {
    const hash = contentHash('m-s1', 'of ana', words);
    ana.run("update observations set narrative = ?, content_hash = ? where title = 'of ana'", words, hash);
    const pulled = async (): Promise<unknown> => {
      await away.pull();
      return narratives(bea);
    };
    await expect.poll(pulled).toContainEqual(['of ana', words]);
  }
  const own = new ModelWorker(await runWorker(place, 'ana', await connect(place, 'ana', anaNode)), ana);
  await rounds(6, own, away);
  expect([titles(ana), titles(bea)]).toEqual([ROWS, ROWS]);
  bea.run("update observations set narrative = 'by bea' where title = 'of ana'");
  await disconnect(beaNode);
  await expect.poll(() => narratives(bea)).toContainEqual(['of ana', 'by bea']);
  const pulled = async (): Promise<unknown> => {
    await own.pull();
    return narratives(ana);
  };
  await expect.poll(pulled).toContainEqual(['of ana', 'by bea']);
  expect([titles(ana), titles(bea)]).toEqual([ROWS, ROWS]);
});

it('a gateway’s own worker gets nothing before its database was looked at: what went from that until it runs does not come back', async () => {
  const away = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
  await rounds(2, away);
  const connected = await connect(place, 'ana', anaNode);
  ana.run("delete from observations where title = 'other'");
  ana.run("update observations set narrative = 'edited' where title = 'third'");
  const own = new ModelWorker(await runWorker(place, 'ana', connected), ana);
  await rounds(4, own, away);
  const left = [
    ['of ana', 'about of ana'],
    ['of bea', 'about of bea'],
    ['third', 'edited'],
  ];
  const goneOn = async (): Promise<unknown> => {
    await rounds(1, own, away);
    return [ana, bea].map(narratives);
  };
  await expect.poll(goneOn).toEqual([left, left]);
  expect((await ask(anaNode, 'conflicts', {})).conflicts).toEqual([]);
});
