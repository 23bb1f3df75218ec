import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { connect, mem, patience, runWorker, type Connected } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/** Rows that a database had by Satchel, and that claude-mem's own sync then serves to it: it knows them by device and number alone. */
let place: Place;
let ana: MemDatabase;
let bea: MemDatabase;
let anaNode: SatchelNode;

beforeEach(async () => {
  place = await Place.create();
  ana = await mem(place, 'ana');
  bea = await mem(place, 'bea');
});
afterEach(async () => {
  for (const each of [ana, bea]) each.sql.close();
  await place.dispose();
});

const countsOf = (of: MemDatabase): number[] =>
  ['observations', 'session_summaries', 'user_prompts'].map((table) => of.get(`select count(*) from ${table}`) as number);

const rowsOf = (node: SatchelNode): Promise<string[]> => {
  const { replica } = [...node.spaces.values()][0]!;
  return replica.exclusive(async () => (await replica.list({ kind: 'claude-mem' })).map(({ item }) => item.name));
};

async function disconnect(node: SatchelNode): Promise<void> {
  expect(await undoConnection(node.home)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
}

const workerOf = async (machine: string, of: MemDatabase, connected: Connected): Promise<ModelWorker> =>
  new ModelWorker(await runWorker(place, machine, connected), of);

/** The worker goes on for a while, and no row stands twice. */
async function settled(worker: ModelWorker, counts: readonly number[]): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    await worker.pull();
    await worker.push();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(countsOf(worker.database)).toEqual(counts);
}

describe('a worker that was connected, disconnected and connected again', () => {
  beforeEach(async () => {
    ana.session('s1');
    anaNode = await place.start('ana');
    const first = await workerOf('ana', ana, await connect(place, 'ana', anaNode));
    ana.observation('s1', 'before');
    await first.push();
    await expect.poll(async () => (await rowsOf(anaNode)).length, patience).toBe(2);
    await disconnect(anaNode);
  });

  it('is not given what was saved in between, nor what was edited then', async () => {
    ana.observation('s1', 'zoo2');
    ana.summary('s1', 'Do it');
    ana.prompt('s1', 1, 'hello');
    await expect.poll(async () => (await rowsOf(anaNode)).length, patience).toBe(5);
    ana.run("update observations set title = 'zoo3' where title = 'zoo2'");
    ana.run("update session_summaries set request = 'Do that'");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const imported = async (): Promise<string | undefined> =>
      (await anaNode.store.read((tx) => tx.documents.get<{ connection: string }>('claude-mem-imported', 'me')))?.connection;
    const before = await imported();
    const again = await workerOf('ana', ana, await connect(place, 'ana', anaNode));
    await expect.poll(imported, patience).not.toBe(before);
    await again.pull();
    expect(countsOf(ana)).toEqual([2, 1, 1]);
    await settled(again, [2, 1, 1]);
    expect((await rowsOf(anaNode)).length).toBe(5);
  });
});
