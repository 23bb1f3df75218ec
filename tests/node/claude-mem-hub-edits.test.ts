import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import {
  cell,
  connect,
  connectElsewhere,
  disconnect,
  runWorker,
  titles,
  twoMachines,
  type TwoMachines,
} from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/** ana's worker goes to bea's gateway with rows that her source carried, and that this gateway serves as its own: what is edited beside the workers. */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;
let atHome: ModelWorker;

const TABLES = ['observations', 'session_summaries', 'user_prompts'];
const told = (of: MemDatabase): unknown[] => TABLES.flatMap((table) => of.sql.prepare(`select * from ${table} order by id`).all());
const count = (of: MemDatabase): number => told(of).length;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ ana }) => {
    ana.session('s1');
  }));
  atHome = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  await atHome.pull();
  for (const title of ['one', 'two', 'three']) ana.observation('s1', title);
  ana.summary('s1', 'Do it');
  ana.prompt('s1', 1, 'hello');
  await pulls(atHome, () => count(bea), 5);
});
afterEach(() => place.dispose());

async function pulls(worker: ModelWorker, what: () => unknown, expected: unknown): Promise<void> {
  const pulled = async (): Promise<unknown> => {
    await worker.pull();
    return what();
  };
  await expect.poll(pulled).toEqual(expected);
}

/** Both workers go on for a while. */
async function rounds(...workers: readonly ModelWorker[]): Promise<void> {
  for (let round = 0; round < 12; round += 1) {
    for (const worker of workers) {
      await worker.pull();
      await worker.push();
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

const narratives = (of: MemDatabase): unknown => of.sql.prepare('select title, narrative from observations order by title, id').raw().all();
const learned = (of: MemDatabase): unknown => of.sql.prepare('select learned from session_summaries').pluck().all();

/** Whoever was connected is not, and both databases say so. */
async function afterwards(expected: { readonly narratives: unknown; readonly learned: unknown }): Promise<void> {
  await disconnect(beaNode);
  await disconnect(anaNode);
  const said = (): unknown => [ana, bea].map((of) => ({ narratives: narratives(of), learned: learned(of) }));
  await expect.poll(said).toEqual([expected, expected]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(said()).toEqual([expected, expected]);
  expect([ana, bea].map((of) => of.get('select count(*) from user_prompts'))).toEqual([1, 1]);
  expect((await ask(anaNode, 'conflicts', {})).conflicts).toEqual([]);
}

describe('rows that were given to others as the gateway’s own', () => {
  it('are not written over what was edited there by what their own machine says of them first', async () => {
    bea.run("update observations set narrative = 'edited' where title = 'two'");
    bea.run("update session_summaries set learned = 'edited'");
    const away = new ModelWorker(await runWorker(place, 'ana', await connectElsewhere(place, 'ana', anaNode, beaNode)), ana);
    await rounds(away, atHome);
    expect([cell(bea, 'narrative', 'two'), learned(bea)]).toEqual(['edited', ['edited']]);
    const two = ['two', 'edited'];
    await afterwards({ narratives: [['one', 'about one'], ['three', 'about three'], two], learned: ['edited'] });
  });

  it('stand once where they were edited while their machine’s node was away, and it was connected then', async () => {
    const port = Number(new URL(anaNode.address!).port);
    await place.stop('ana');
    ana.run("update observations set narrative = 'edited' where title = 'two'");
    ana.run("update session_summaries set learned = 'edited'");
    anaNode = await place.start('ana', { live: false });
    const connected = await connectElsewhere(place, 'ana', anaNode, beaNode);
    await place.stop('ana');
    const away = new ModelWorker(await runWorker(place, 'ana', connected), ana);
    await rounds(away, atHome);
    anaNode = await place.start('ana', { port });
    await rounds(away, atHome);
    expect([titles(bea), titles(ana)]).toEqual([titles(ana), ['one', 'three', 'two']]);
    await pulls(atHome, () => [cell(bea, 'narrative', 'two'), learned(bea)], ['edited', ['edited']]);
    const two = ['two', 'edited'];
    await afterwards({ narratives: [['one', 'about one'], ['three', 'about three'], two], learned: ['edited'] });
  });
});

describe('a row that was edited before its worker was connected anew, and once more before that runs', () => {
  it('is not written over by its own earlier edit', async () => {
    bea.observation('s1', 'of bea', { synced_at: null });
    await atHome.push();
    await expect.poll(() => titles(ana)).toContain('of bea');
    const away = new ModelWorker(await runWorker(place, 'ana', await connectElsewhere(place, 'ana', anaNode, beaNode)), ana);
    await rounds(away, atHome);
    const edited = ['of bea', 'two'];
    for (const title of edited) ana.run('update observations set narrative = ? where title = ?', 'first', title);
    const again = new ModelWorker(await runWorker(place, 'ana', await connectElsewhere(place, 'ana', anaNode, beaNode)), ana);
    for (const title of edited) ana.run('update observations set narrative = ? where title = ?', 'second', title);
    await pulls(atHome, () => edited.map((title) => cell(bea, 'narrative', title)), ['first', 'first']);
    await rounds(again, atHome);
    expect(edited.map((title) => cell(ana, 'narrative', title))).toEqual(['second', 'second']);
    const all = [
      ['of bea', 'second'],
      ['one', 'about one'],
      ['three', 'about three'],
      ['two', 'second'],
    ];
    await afterwards({ narratives: all, learned: ['learned Do it'] });
  });
});
