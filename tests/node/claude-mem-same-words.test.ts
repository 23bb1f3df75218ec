import { afterEach, beforeEach, expect, it } from 'vitest';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { connect, pullsUntil, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';

/** claude-mem holds one observation of a session with the same words, by their hash: an update that makes two of them the same fails, and its client stops. */
let { place, ana, bea, beaNode } = {} as TwoMachines;
let worker: ModelWorker;

beforeEach(async () => {
  ({ place, ana, bea, beaNode } = await twoMachines());
  worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  await worker.pull();
  ana.session('s1');
  for (const [row, title] of ['one', 'two'].entries()) ana.observation('s1', title, { created_at_epoch: at(row) });
  await pulls(() => titles(bea), ['one', 'two']);
});
afterEach(() => place.dispose());

const pulls = (what: () => unknown, expected: unknown): Promise<void> => pullsUntil(worker, what, expected);

const at = (row: number): number => 1_767_225_600_000 + row;
const told = (): unknown => bea.sql.prepare('select title, subtitle from observations order by created_at_epoch').raw().all();

it('a row that is edited to the words of another one stops no worker: it stays as it was there until one of them has others, or is gone', async () => {
  ana.run("update observations set title = 'one', narrative = 'about one' where created_at_epoch = ?", at(1));
  ana.observation('s1', 'behind', { created_at_epoch: at(2) });
  await pulls(() => titles(bea), ['behind', 'one', 'two']);
  ana.run("update observations set subtitle = 'edited' where created_at_epoch = ?", at(1));
  ana.run("update observations set title = 'three' where created_at_epoch = ?", at(1));
  await pulls(told, [
    ['one', null],
    ['three', 'edited'],
    ['behind', null],
  ]);
  ana.run("update observations set title = 'one' where created_at_epoch = ?", at(1));
  ana.observation('s1', 'last', { created_at_epoch: at(3) });
  await pulls(() => titles(bea), ['behind', 'last', 'one', 'three']);
  ana.run('delete from observations where created_at_epoch = ?', at(0));
  await pulls(() => titles(bea), ['behind', 'last', 'one']);
  expect(told()).toEqual([
    ['one', 'edited'],
    ['behind', null],
    ['last', null],
  ]);
});
