import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import {
  cell,
  connect,
  connectElsewhere,
  disconnect,
  pullsUntil,
  runWorker,
  titles,
  twoMachines,
  type TwoMachines,
} from './claude-mem-two-machines.ts';

/** bea's worker reads ana's gateway, which told it of ana's rows as its own before ana's worker was connected to it. */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;
let atAna: ModelWorker;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ ana }) => {
    ana.session('s1');
  }));
  await expect.poll(() => bea.get('select count(*) from sdk_sessions')).toBe(1);
  atAna = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
  await atAna.pull();
  for (const title of ['one', 'two']) ana.observation('s1', title);
  await pulls(() => titles(bea), ['one', 'two']);
});
afterEach(() => place.dispose());

const pulls = (what: () => unknown, expected: unknown): Promise<void> => pullsUntil(atAna, what, expected);

const itemsOf = async (node: SatchelNode): Promise<string[]> => {
  const { replica } = [...node.spaces.values()][0]!;
  const items = await replica.exclusive(() => replica.list({ kind: 'claude-mem' }));
  return items.flatMap(({ item, content }) => (content === null || !item.name.includes('/observations/') ? [] : [item.name]));
};

it('a row that others were told of is one item, where another program edits its words between connect and the worker’s start', async () => {
  const before = (await itemsOf(anaNode)).toSorted();
  const connected = await connect(place, 'ana', anaNode);
  ana.run("update observations set narrative = 'edited' where title = 'one'");
  const own = new ModelWorker(await runWorker(place, 'ana', connected), ana);
  for (let round = 0; round < 12; round += 1) {
    for (const worker of [own, atAna]) {
      await worker.pull();
      await worker.push();
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await pulls(() => [titles(bea), cell(bea, 'narrative', 'one')], [['one', 'two'], 'edited']);
  expect((await itemsOf(anaNode)).toSorted()).toEqual(before);
  await disconnect(anaNode);
  await disconnect(beaNode);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const each of [ana, bea]) expect([titles(each), cell(each, 'narrative', 'one')]).toEqual([['one', 'two'], 'edited']);
});
