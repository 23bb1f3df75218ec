import { afterEach, beforeEach, expect, it } from 'vitest';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { tombstone } from '../gateways/claude-mem-ops.ts';
import { cell, connect, connectElsewhere, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/**
 * bea's rows are pushed to her own node, then served by ana's as nobody's, to which her worker goes, and as ana's once her worker is connected: they
 * go from bea's database, and come again under other numbers. Then bea's worker comes home, where they are told under the numbers that they had.
 */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ bea }) => {
    bea.session('s1');
  }));
});
afterEach(() => place.dispose());

async function problems(): Promise<unknown> {
  const { checks } = await ask(beaNode, 'doctor', {});
  return checks.filter(({ id, result }) => id.startsWith('claude-mem') && result !== 'ok').map(({ id, reason }) => [id, reason]);
}

it('rows that have other numbers than they were pushed under are no rows that are lost, and hear what becomes of them', async () => {
  const rows = ['one', 'three', 'two'];
  const home = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  await home.pull();
  for (const title of rows) bea.observation('s1', title);
  bea.summary('s1', 'Do it');
  await home.push();
  await expect.poll(() => titles(ana)).toEqual(rows);
  await expect.poll(() => ana.get('select count(*) from session_summaries')).toBe(1);
  // ana's gateway serves them as nobody's once somebody asks, and as ana's once her worker is there.
  let hub = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
  await hub.client.changes();
  await expect.poll(async () => ((await hub.client.changes()).body['ops'] as unknown[]).length).toBe(4);
  hub = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
  await hub.pull();
  await hub.push();
  const herOwn = new ModelWorker(await runWorker(place, 'ana', await connect(place, 'ana', anaNode)), ana);
  await herOwn.pull();
  const origins = (): unknown => bea.sql.prepare('select distinct origin_device_id from observations').pluck().all();
  await expect
    .poll(async () => {
      await hub.pull();
      return origins();
    })
    .toEqual(['device-ana']);
  const back = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  const round = async (): Promise<void> => {
    for (const worker of [herOwn, back]) {
      await worker.pull();
      await worker.push();
    }
  };
  for (let rounds = 0; rounds < 5; rounds += 1) {
    await round();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect([titles(ana), titles(bea)]).toEqual([rows, rows]);
  const problemsAfter = async (): Promise<unknown> => {
    await round();
    return problems();
  };
  await expect.poll(problemsAfter).toEqual([]);
  // As her worker does when it changes a row.
  ana.run("update observations set narrative = 'by ana', sync_rev = sync_rev + 1, synced_at = null where title = 'one'");
  const narratives = async (): Promise<unknown> => {
    await round();
    return [ana, bea].map((of) => cell(of, 'narrative', 'one'));
  };
  await expect.poll(narratives).toEqual(['by ana', 'by ana']);
  // As it deletes one.
  const local = String(ana.get("select id from observations where title = 'two'"));
  expect((await herOwn.client.push([tombstone('device-ana', { local, rev: '9' })])).status).toBe(200);
  ana.run('delete from observations where id = ?', local);
  const left = async (): Promise<unknown> => {
    await round();
    return [titles(ana), titles(bea)];
  };
  await expect.poll(left).toEqual([rows.slice(0, 2), rows.slice(0, 2)]);
  expect(await problems()).toEqual([]);
  // And back again.
  bea.run("update observations set subtitle = 'by bea' where title = 'one'");
  const away = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
  await away.pull();
  await away.push();
  await expect.poll(() => cell(ana, 'subtitle', 'one')).toBe('by bea');
  expect(titles(bea)).toEqual([...new Set(titles(bea))]);
});
