import { afterEach, beforeEach, expect, it } from 'vitest';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, connectElsewhere, disconnect, runWorker, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/**
 * bea's worker goes to ana's node with rows that it just made. Her node brings them there by the space in the same moment, so that they are served to
 * her worker as nobody's until it has pushed them; and it is led away before it does.
 */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ bea }) => {
    bea.session('s1');
  }));
});
afterEach(() => place.dispose());

const counts = (of: MemDatabase): unknown => ['session_summaries', 'user_prompts'].map((table) => of.get(`select count(*) from ${table}`));

it.each([false, true])('rows stand once, whether its worker had pushed them by then or not (%s)', async (isPushed) => {
  const home = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  await home.pull();
  // Somebody was there before, so that ana's gateway serves what comes.
  await (await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode))).changes();
  await new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea).pull();
  bea.summary('s1', 'Do it', { synced_at: null });
  bea.prompt('s1', 1, 'hello', { synced_at: null });
  const away = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
  const served = async (): Promise<number> => ((await away.client.changes()).body['ops'] as unknown[]).length;
  await expect.poll(served).toBeGreaterThanOrEqual(2);
  // As where they were not served yet when rows were marked.
  for (const table of ['session_summaries', 'user_prompts'])
    bea.run(`update ${table} set origin_device_id = null, origin_local_id = null, sync_rev = 1, synced_at = null`);
  await away.pull();
  expect(counts(bea)).toEqual([2, 2]);
  if (isPushed) await away.push();
  await disconnect(beaNode);
  const both = (): unknown => [counts(ana), counts(bea)];
  const once = [
    [1, 1],
    [1, 1],
  ];
  await expect.poll(both).toEqual(once);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const again = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  for (let rounds = 0; rounds < 5; rounds += 1) {
    await again.pull();
    await again.push();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(both()).toEqual(once);
  const { checks } = await ask(beaNode, 'doctor', {});
  expect(checks.filter(({ id, result }) => id.startsWith('claude-mem') && result !== 'ok')).toEqual([]);
});

it('rows that say otherwise stay, and so do two that this machine made itself', async () => {
  await new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea).pull();
  const brought = { synced_at: 1, origin_device_id: 'device-ana', sync_rev: 1 };
  bea.summary('s1', 'Do it', { learned: 'much' });
  bea.summary('s1', 'Do it', { ...brought, learned: 'more', origin_local_id: '7' });
  for (const _ of ['one', 'two']) bea.prompt('s1', 1, 'hello', { created_at_epoch: 1_767_225_600_000 });
  for (const local of ['8', '9']) bea.summary('s1', 'Do more', { ...brought, created_at_epoch: 1, origin_local_id: local });
  await ask(beaNode, 'claude-mem-reconnecting', {});
  expect(counts(bea)).toEqual([4, 2]);
});
