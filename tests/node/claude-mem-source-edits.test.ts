import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoConnection } from '../../src/node/claude-mem/connection.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { cell, connect, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/**
 * Two machines of one person: bea's worker synced through its own node, and is disconnected. So the source of its database carries rows of which
 * the feed, and whoever reads it, holds states under their revisions.
 */
let { place, ana, bea, beaNode } = {} as TwoMachines;
let worker: ModelWorker;

beforeEach(async () => {
  ({ place, ana, bea, beaNode } = await twoMachines(({ bea }) => {
    bea.session('s1');
    for (const title of ['one', 'two', 'three']) bea.observation('s1', title, { synced_at: 1 });
    bea.summary('s1', 'Do it', { synced_at: 1 });
    bea.prompt('s1', 1, 'hello', { synced_at: 1 });
    const exclude = 'insert into sync_launch_exclusions select ?, cast(id as text), sync_rev from';
    bea.run(`${exclude} observations where title = 'two'`, 'observation');
  }));
  worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', beaNode)), bea);
  await worker.pull();
  const captured = (): Promise<unknown> => beaNode.store.read((tx) => tx.documents.get('claude-mem-captured', 'me'));
  await expect.poll(captured).toBe(5);
  expect(await undoConnection(beaNode.home)).toMatchObject({ ok: true });
  await ask(beaNode, 'claude-mem-reconnected', {});
  await expect.poll(() => titles(ana)).toEqual(['one', 'three', 'two']);
});
afterEach(() => place.dispose());

const revisions = (table: string, column: string): unknown[] =>
  bea.sql.prepare(`select ${column}, sync_rev, synced_at from ${table} order by ${column}`).raw().all();

const ailments = async (): Promise<string[]> =>
  (await ask(beaNode, 'doctor', {})).checks
    .filter(({ id, result }) => id.startsWith('claude-mem') && result === 'fail')
    .map(({ id }) => id);

describe('rows that a worker synced, and that the source writes while it is disconnected', () => {
  beforeEach(async () => {
    ana.run("update observations set subtitle = 'of ana' where title = 'two'");
    ana.run("update observations set title = 'ONE' where title = 'one'");
    ana.run("update session_summaries set learned = 'more'");
    await expect.poll(() => titles(bea)).toEqual(['ONE', 'three', 'two']);
    await expect.poll(() => cell(bea, 'subtitle', 'two')).toBe('of ana');
    await expect.poll(() => bea.get('select learned from session_summaries')).toBe('more');
  });

  it('get another revision, and count as sent', () => {
    expect(revisions('observations', 'title')).toEqual([
      ['ONE', '2', 1],
      ['three', '1', 1],
      ['two', '2', 1],
    ]);
    expect(revisions('session_summaries', 'request')).toEqual([['Do it', '2', 1]]);
    expect(revisions('user_prompts', 'prompt_number')).toEqual([[1, '1', 1]]);
    // What claude-mem was not to send is still not to be sent.
    expect(bea.get('select through_rev from sync_launch_exclusions')).toBe('2');
  });

  it('are no trouble to a worker that is connected again, which has to send them anew', async () => {
    const { token, url } = await connect(place, 'bea', beaNode);
    expect(await ailments()).toEqual([]);
    const again = new ModelWorker(await runWorker(place, 'bea', { token, url }), bea);
    await again.pull();
    // As where a new epoch begins.
    for (const table of ['observations', 'session_summaries', 'user_prompts']) bea.run(`update ${table} set synced_at = null`);
    await again.push();
    await again.pull();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(titles(bea)).toEqual(['ONE', 'three', 'two']);
    expect(bea.rows(ana, ['content_hash'])).toEqual(ana.rows(bea, ['content_hash']));
    expect(await ailments()).toEqual([]);
    expect((await ask(beaNode, 'conflicts', {})).conflicts).toEqual([]);
  });
});

it('rows of other devices, and rows that are as they were, keep their revisions', async () => {
  bea.run("update observations set origin_device_id = 'x', origin_local_id = '1', sync_rev = '5' where title = 'two'");
  ana.run("update observations set subtitle = 'of ana' where title = 'two'");
  await expect.poll(() => cell(bea, 'subtitle', 'two')).toBe('of ana');
  expect(revisions('observations', 'title').map((row) => (row as unknown[])[1])).toEqual(['1', '1', '5']);
});

it('what rows tell of their session is another state of them, where the source writes that beside the worker', async () => {
  const { token, url } = await connect(place, 'bea', beaNode);
  const again = new ModelWorker(await runWorker(place, 'bea', { token, url }), bea);
  await again.pull();
  ana.run("update sdk_sessions set project = 'market'");
  await expect.poll(() => bea.get('select project from sdk_sessions')).toBe('market');
  expect(revisions('user_prompts', 'prompt_number')).toEqual([[1, '2', 1]]);
  expect(revisions('observations', 'title').map((row) => (row as unknown[])[1])).toEqual(['1', '1', '1']);
  ana.run("update sdk_sessions set memory_session_id = 'm-other'");
  await expect.poll(() => bea.get('select memory_session_id from sdk_sessions')).toBe('m-other');
  expect(revisions('user_prompts', 'prompt_number')).toEqual([[1, '3', 1]]);
  expect(revisions('observations', 'title').map((row) => (row as unknown[])[1])).toEqual(['2', '2', '2']);
  expect(await ailments()).toEqual([]);
  bea.run('update user_prompts set synced_at = null');
  await again.push();
});
