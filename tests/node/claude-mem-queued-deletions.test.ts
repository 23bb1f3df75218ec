import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { idOf, tombstone } from '../gateways/claude-mem-ops.ts';
import { connect, connectElsewhere, disconnect, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/** bea's worker deletes a row that it made itself and sent, and is led elsewhere before it told anybody. */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ bea }) => {
    bea.session('s1');
    bea.observation('s1', 'before');
  }));
  await expect.poll(() => titles(ana)).toEqual(['before']);
});
afterEach(() => place.dispose());

/** What it saved is on both machines. */
async function save(worker: ModelWorker, ...saved: readonly string[]): Promise<void> {
  await worker.pull();
  for (const title of saved) bea.observation('s1', title);
  await worker.push();
  await expect.poll(() => titles(ana)).toEqual(['before', ...saved].sort());
}

/** As its interface does: what it has to tell of that is written down in the same transaction. */
function remove(title: string): void {
  const local = String(bea.get('select id from observations where title = ?', title));
  const { body, operation_sha256: digest } = tombstone('device-bea', { local, rev: '2' });
  bea.run('delete from observations where id = ?', local);
  bea.insert('sync_content_outbox', {
    ...{ entity_id: idOf('observation', 'device-bea', local), kind: 'observation', origin_local_id: local, entity_rev: '2' },
    ...{ body, operation_sha256: digest, deleted: 1, created_at_epoch: 1 },
  });
}

async function settle(expected: readonly string[]): Promise<void> {
  await expect.poll(() => [titles(ana), titles(bea)]).toEqual([expected, expected]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect([titles(ana), titles(bea)]).toEqual([expected, expected]);
  expect(await ask(beaNode, 'conflicts', {})).toMatchObject({ conflicts: [] });
}

describe('a deletion that claude-mem has not sent yet', () => {
  it('is told where its worker is disconnected', async () => {
    const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
    await save(worker, 'goes', 'stays');
    remove('goes');
    await disconnect(beaNode);
    expect(titles(bea)).toEqual(['before', 'stays']);
    await settle(['before', 'stays']);
    // Connected again, the worker sends what is queued still.
    const again = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
    const queued = bea.sql.prepare('select body, operation_sha256 from sync_content_outbox').all();
    expect((await again.client.push(queued)).status).toBe(200);
    await settle(['before', 'stays']);
  });

  it('so it is while the node does not run', async () => {
    const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
    await save(worker, 'goes', 'stays');
    await place.stop('bea');
    remove('goes');
    beaNode = await place.start('bea', { live: false });
    await disconnect(beaNode);
    await place.stop('bea');
    beaNode = await place.start('bea');
    await settle(['before', 'stays']);
  });

  it('and where it goes to another machine’s node', async () => {
    const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
    await save(worker, 'goes', 'stays');
    remove('goes');
    const second = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
    await second.pull();
    await second.push();
    await expect.poll(() => titles(ana)).toEqual(['before', 'stays']);
    await second.pull();
    await settle(['before', 'stays']);
  });

  it('is told to the node that its worker was connected to', async () => {
    const worker = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
    await save(worker, 'goes', 'stays');
    remove('goes');
    await disconnect(beaNode);
    await settle(['before', 'stays']);
  });

  it('or is said to be told to nobody, where that does not answer', async () => {
    const worker = new ModelWorker(await runWorker(place, 'bea', await connectElsewhere(place, 'bea', beaNode, anaNode)), bea);
    await save(worker, 'goes', 'stays');
    await place.stop('ana');
    remove('goes');
    expect(await ask(beaNode, 'claude-mem-reconnecting', {})).toMatchObject({ untold: { rows: 1, reason: 'it does not answer' } });
  });
});

it('a row that another program deletes beside the worker is named, and told to others where it is connected again', async () => {
  const lost = async (): Promise<unknown> => (await ask(beaNode, 'doctor', {})).checks.find(({ id }) => id === 'claude-mem.lost-rows');
  const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  await save(worker, 'stays', 'too');
  expect(await lost()).toBeUndefined();
  bea.run("delete from observations where title = 'before'");
  expect(await lost()).toMatchObject({
    result: 'warn',
    evidence: ['1 of 3 rows that this device pushed and nobody deleted are not there'],
  });
  const again = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  await again.pull();
  await settle(['stays', 'too']);
  await expect.poll(lost).toBeUndefined();
});
