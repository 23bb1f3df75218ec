import { existsSync, renameSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { connect, disconnect, mem, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/** A database of claude-mem's that another one takes the place of, on bea, and who asks for another way of syncing before that is answered. */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ ana }) => {
    ana.session('s1');
    ana.observation('s1', 'a0');
  }));
  await expect.poll(() => titles(bea)).toEqual(['a0']);
});
afterEach(() => place.dispose());

const settingsOf = (machine: string): Promise<string> => readFile(path.join(place.home(machine), '.claude-mem', 'settings.json'), 'utf8');

const waiting = async (node: SatchelNode): Promise<string[]> =>
  (await ask(node, 'pending', {})).pending.filter(({ rejected }) => !rejected).map(({ id }) => id);

/** What a person does with a damaged database, as the doctor says: an empty one stands there then. */
async function replace(worker: { readonly isConnected: boolean }): Promise<void> {
  bea.sql.close();
  for (const end of ['', '-wal', '-shm']) if (existsSync(bea.file + end)) renameSync(bea.file + end, `${bea.file}.away${end}`);
  bea = await mem(place, 'bea');
  // A file that is new to it is looked for now and then.
  await ask(beaNode, 'sync', {});
  if (!worker.isConnected) return;
  // As its own sync brings it: of a session it is told the id alone.
  bea.session('m-s1', { memory_session_id: 'm-s1', user_prompt: null, status: 'completed' });
  bea.observation('m-s1', 'a0', { memory_session_id: 'm-s1' });
}

describe('While it waits for an answer whose rows stand in claude-mem’s database', () => {
  it('disconnect is refused, and changes nothing; after the answer it is not', async () => {
    const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
    await worker.pull();
    await replace({ isConnected: true });
    const settings = await settingsOf('bea');
    await expect(ask(beaNode, 'claude-mem-reconnecting', {})).rejects.toMatchObject({
      kind: 'open',
      type: 'answer-first',
      message: expect.stringMatching(/another database .*claude-mem\.db.*nothing was changed/),
      next: expect.stringContaining('satchel pending'),
    });
    expect(await settingsOf('bea')).toBe(settings);
    await ask(beaNode, 'answer-pending', { answer: 'reject', ids: await waiting(beaNode) });
    await disconnect(beaNode);
    await expect.poll(() => titles(bea)).toEqual(['a0']);
    expect(bea.rows()).toEqual(ana.rows());
  });

  it('connect is refused', async () => {
    await replace({ isConnected: false });
    await expect(ask(beaNode, 'claude-mem-reconnecting', { to: { own: 'me' } })).rejects.toMatchObject({ type: 'answer-first' });
    expect(anaNode.isLive).toBe(true);
  });

  it('where no database stands there, disconnect is not', async () => {
    await connect(place, 'bea', beaNode);
    bea.sql.close();
    for (const end of ['', '-wal', '-shm']) if (existsSync(bea.file + end)) renameSync(bea.file + end, `${bea.file}.away${end}`);
    await disconnect(beaNode);
    bea = await mem(place, 'bea');
  });
});
