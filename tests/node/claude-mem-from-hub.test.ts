import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, connectElsewhere, disconnect, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/** Both workers sync through a hub, where rows are in no space: what ana's database has of bea's by that, and is edited there, nobody tells but her node. */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;
let hub: SatchelNode;
let workers: ModelWorker[];

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ ana, bea }) => {
    for (const of of [ana, bea]) of.session('s1');
    ana.observation('s1', 'of ana');
    bea.observation('s1', 'of bea');
  }));
  for (const of of [ana, bea]) await expect.poll(() => titles(of)).toEqual(['of ana', 'of bea']);
  hub = await place.start('hub', { hub: true });
  workers = [];
  for (const [machine, of, node] of [['ana', ana, anaNode] as const, ['bea', bea, beaNode] as const]) {
    const worker = new ModelWorker(await runWorker(place, machine, await connectElsewhere(place, machine, node, hub, 'ada')), of);
    workers.push(worker);
    await rounds(2, worker);
  }
  for (const title of ['edited', 'left']) bea.observation('s1', title, { synced_at: null });
  bea.summary('s1', 'Do it', { synced_at: null });
  await rounds(2, ...workers.toReversed());
  expect(titles(ana)).toEqual(['edited', 'left', 'of ana', 'of bea']);
  ana.run("update observations set narrative = 'by ana' where title = 'edited'");
  ana.run("update session_summaries set learned = 'by ana'");
});
afterEach(() => place.dispose());

async function rounds(count: number, ...some: readonly ModelWorker[]): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    for (const worker of some) {
      await worker.pull();
      await worker.push();
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

const said = (of: MemDatabase): unknown => ({
  narratives: of.sql.prepare('select title, narrative from observations order by title, id').raw().all(),
  learned: of.sql.prepare('select learned from session_summaries').pluck().all(),
});

const EXPECTED = {
  narratives: [
    ['edited', 'by ana'],
    ['left', 'about left'],
    ['of ana', 'about of ana'],
    ['of bea', 'about of bea'],
  ],
  learned: ['by ana'],
};

async function bothSay(): Promise<void> {
  await expect.poll(() => [ana, bea].map(said)).toEqual([EXPECTED, EXPECTED]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect([ana, bea].map(said)).toEqual([EXPECTED, EXPECTED]);
  expect((await ask(anaNode, 'conflicts', {})).conflicts).toEqual([]);
}

describe('what is edited of another machine’s rows beside a worker that has them by a hub', () => {
  it.each(['before its worker goes', 'while that goes', 'after its worker went'] as const)(
    'is known as that row where the other machine’s is disconnected %s to its own node',
    async (when) => {
      if (when === 'before its worker goes') await disconnect(beaNode);
      const worker = new ModelWorker(await runWorker(place, 'ana', await connect(place, 'ana', anaNode)), ana);
      if (when === 'after its worker went') await rounds(6, worker);
      if (when !== 'before its worker goes') await disconnect(beaNode);
      await rounds(8, worker);
      await bothSay();
      await disconnect(anaNode);
      await bothSay();
    },
  );

  it('and where both are disconnected', async () => {
    await disconnect(anaNode);
    await disconnect(beaNode);
    await bothSay();
  });

  it('and where the other one goes on there', async () => {
    await disconnect(anaNode);
    const again = new ModelWorker(await runWorker(place, 'ana', await connectElsewhere(place, 'ana', anaNode, hub, 'ada')), ana);
    await rounds(4, again, workers[1]!);
    expect(said(ana)).toEqual(EXPECTED);
    await disconnect(beaNode);
    await disconnect(anaNode);
    await bothSay();
  });

  it('is said to be unknown where the hub does not answer', async () => {
    await place.stop('hub');
    const asked = await ask(anaNode, 'claude-mem-reconnecting', {});
    expect(asked).toMatchObject({ unlooked: null, unread: 'it does not answer' });
    // Nothing but that hub's rows would have to be asked for.
    for (const table of ['observations', 'session_summaries'])
      ana.run(`delete from ${table} where origin_device_id is not null and sync_rev = 1`);
    expect(await ask(anaNode, 'claude-mem-reconnecting', {})).toMatchObject({ unlooked: null, unread: null });
  });
});
