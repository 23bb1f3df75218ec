import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePort } from '../setup/free-port.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, connectElsewhere, disconnect, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';

/** bea's worker syncs through ana's node for a while in which her own does not run. */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ ana, bea }) => {
    for (const of of [ana, bea]) of.session('s1');
    bea.observation('s1', 'old');
  }));
  await expect.poll(() => titles(ana)).toEqual(['old']);
  const worker = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
  await worker.pull();
  await place.stop('bea');
  bea.observation('s1', 'new', { synced_at: null });
  bea.summary('s1', 'Do it', { synced_at: null });
  await worker.push();
  await expect.poll(() => titles(ana)).toEqual(['new', 'old']);
});
afterEach(() => place.dispose());

it.each(['own', 'none'] as const)('what it pushed meanwhile is known before it is edited, where it goes on to %s', async (way) => {
  const port = await freePort();
  beaNode = await place.start('bea', { live: false, port });
  const connected = way === 'own' ? await connect(place, 'bea', beaNode) : await disconnect(beaNode);
  await place.stop('bea');
  bea.run("update observations set narrative = 'edited' where title = 'new'");
  bea.run("update session_summaries set learned = 'edited'");
  beaNode = await place.start('bea', { port });
  const worker = connected === undefined ? null : new ModelWorker(await runWorker(place, 'bea', connected), bea);
  const said = async (): Promise<unknown> => {
    await worker?.pull();
    await worker?.push();
    return [ana, bea].map((of) => [
      of.sql.prepare('select title, narrative from observations order by title, id').raw().all(),
      of.sql.prepare('select learned from session_summaries').pluck().all(),
    ]);
  };
  const each = [
    [
      ['new', 'edited'],
      ['old', 'about old'],
    ],
    ['edited'],
  ];
  await expect.poll(said).toEqual([each, each]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await said()).toEqual([each, each]);
});

it('a row that its node served to others before, and that was edited while that did not run, is that row where it goes on to its own node', async () => {
  beaNode = await place.start('bea');
  await disconnect(beaNode);
  const away = new ModelWorker(await runWorker(place, 'ana', await connectElsewhere(place, 'ana', anaNode, beaNode)), ana);
  await away.pull();
  await away.push();
  const port = Number(new URL(beaNode.address!).port);
  await place.stop('bea');
  bea.run("update observations set narrative = 'edited' where title = 'new'");
  beaNode = await place.start('bea', { live: false, port });
  const connected = await connect(place, 'bea', beaNode);
  await place.stop('bea');
  beaNode = await place.start('bea', { port });
  const worker = new ModelWorker(await runWorker(place, 'bea', connected), bea);
  const narratives = (of: MemDatabase): unknown =>
    of.sql.prepare('select title, narrative from observations order by title, id').raw().all();
  const each = [
    ['new', 'edited'],
    ['old', 'about old'],
  ];
  const goneOn = async (): Promise<unknown> => {
    for (const one of [worker, away]) {
      await one.pull();
      await one.push();
    }
    return [ana, bea].map(narratives);
  };
  await expect.poll(goneOn).toEqual([each, each]);
  await disconnect(anaNode);
  await disconnect(beaNode);
  await expect.poll(() => [ana, bea].map(narratives)).toEqual([each, each]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect([ana, bea].map(narratives)).toEqual([each, each]);
});
