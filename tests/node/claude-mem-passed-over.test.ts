import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { mutation, row, tombstone } from '../gateways/claude-mem-ops.ts';
import { cell, connect, runWorker, titles, twoMachines, type TwoMachines } from './claude-mem-two-machines.ts';
import { ask } from './place.ts';

/**
 * Two machines of one person: bea's worker syncs through its own node, and passes over all ops under its own device id; ana's database
 * is carried by its node's source, so that its rows can be edited and deleted.
 */
let { place, ana, bea, anaNode, beaNode } = {} as TwoMachines;
let worker: SyncClient;

beforeEach(async () => {
  ({ place, ana, bea, anaNode, beaNode } = await twoMachines(({ bea }) => {
    bea.session('s1');
    for (const title of ['one', 'two', 'three']) bea.observation('s1', title, { synced_at: 1 });
    bea.summary('s1', 'Do it', { synced_at: 1 });
    bea.prompt('s1', 1, 'hello', { synced_at: 1 });
  }));
  worker = await runWorker(place, 'bea', await connect(place, 'bea', beaNode));
  await worker.changes();
  // What was there before its sync was switched on is brought in, and is the space's as well.
  const captured = (): Promise<unknown> => beaNode.store.read((tx) => tx.documents.get('claude-mem-captured', 'me'));
  await expect.poll(captured).toBe(5);
  await expect.poll(() => [titles(ana), ana.get('select count(*) from user_prompts')]).toEqual([['one', 'three', 'two'], 1]);
});
afterEach(() => place.dispose());

/** As the worker pushes a row that was told by other words since. */
async function send(title: string, narrative: string, rev: string, more: Record<string, unknown> = {}): Promise<void> {
  const time = { created_at: new Date(1_760_000_001_000).toISOString(), created_at_epoch: '1760000001000' };
  const fields = { facts: ['a'], concepts: ['b'], files_read: [], prompt_number: '1', generated_by_model: 'm', agent_type: 'main' };
  const payload = { ...fields, ...time, memory_session_id: 'm-s1', project: 'app', metadata: null, title, narrative, ...more };
  const pushed = await worker.push([row('device-bea', { local: String(cell(bea, 'id', title)), rev, payload })]);
  expect(pushed.status).toBe(200);
}

/** What the worker would push next: rows of its own that it did not send. */
const unsent = (): unknown[] =>
  bea.sql.prepare('select title from observations where synced_at is null and origin_device_id is null order by title').pluck().all();

describe('what was made of a worker’s own rows elsewhere, which its client passes over', () => {
  it('reaches its database: deletions and edits, of memories, summaries and prompts', async () => {
    ana.run("delete from observations where title = 'one'");
    ana.run("update observations set subtitle = 'from ana', facts = '[\"x\",\"y\"]' where title = 'two'");
    ana.run("update session_summaries set learned = 'more'");
    ana.run("update user_prompts set prompt_text = 'hello from ana'");
    await expect.poll(() => titles(bea)).toEqual(['three', 'two']);
    await expect.poll(() => cell(bea, 'subtitle', 'two')).toBe('from ana');
    expect(cell(bea, 'facts', 'two')).toBe('["x","y"]');
    await expect.poll(() => bea.get('select learned from session_summaries')).toBe('more');
    await expect.poll(() => bea.get('select prompt_text from user_prompts')).toBe('hello from ana');
    expect(bea.rows(ana)).toEqual(ana.rows(bea));
    expect(unsent()).toEqual([]);
    expect(bea.sql.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  it('is the deletion of a session with all of its rows, which stays so', async () => {
    const sessions = (): unknown[] => [ana, bea].map((of) => of.sql.prepare('select content_session_id from sdk_sessions').pluck().all());
    ana.run('delete from sdk_sessions');
    await expect.poll(() => [titles(bea), sessions()]).toEqual([[], [[], []]]);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(sessions()).toEqual([[], []]);
  });

  it('leaves a session that was deleted there while a row of it is still to be sent, and brings it back whole with that', async () => {
    bea.run("update observations set subtitle = 'from bea', synced_at = null where title = 'two'");
    ana.run('delete from sdk_sessions');
    await expect.poll(() => titles(bea)).toEqual(['two']);
    expect(bea.get('select user_prompt from sdk_sessions')).toBe('do it');
    await send('two', 'about two', '2', { subtitle: 'from bea' });
    await expect.poll(() => cell(ana, 'subtitle', 'two')).toBe('from bea');
    expect([ana, bea].map((of) => of.get('select user_prompt from sdk_sessions'))).toEqual(['do it', 'do it']);
    expect([titles(ana), titles(bea)]).toEqual([['two'], ['two']]);
  });

  it('is an edit of what tells a row, which is one still, whoever edits it next', async () => {
    ana.run("update observations set title = 'TWO' where title = 'two'");
    ana.run("update session_summaries set request = 'Do this' where request = 'Do it'");
    await expect.poll(() => titles(bea)).toEqual(['TWO', 'one', 'three']);
    await expect.poll(() => bea.get('select request from session_summaries')).toBe('Do this');
    const served = async (): Promise<number> => Number((await worker.status()).body['head_seq']);
    expect(await served()).toBe(7);
    bea.run("update observations set subtitle = 'from bea', sync_rev = '3' where title = 'TWO'");
    await send('TWO', 'about two', '3', { subtitle: 'from bea' });
    await expect.poll(() => cell(ana, 'subtitle', 'TWO')).toBe('from bea');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(titles(ana)).toEqual(['TWO', 'one', 'three']);
    expect(titles(bea)).toEqual(['TWO', 'one', 'three']);
    const deleted = await worker.push([tombstone('device-bea', { local: String(cell(bea, 'id', 'TWO')), rev: '9' })]);
    expect(deleted.status).toBe(200);
    await expect.poll(() => titles(ana)).toEqual(['one', 'three']);
  });

  it('is no news of the worker’s: an edit of its own goes above it, and is at both', async () => {
    ana.run("update observations set subtitle = 'from ana' where title = 'two'");
    await expect.poll(() => cell(bea, 'subtitle', 'two')).toBe('from ana');
    const revision = String(cell(bea, 'sync_rev', 'two'));
    expect(revision).toBe('2');
    bea.run("update observations set narrative = 'from bea', sync_rev = '3' where title = 'two'");
    await send('two', 'from bea', '3', { subtitle: 'from ana' });
    await expect.poll(() => cell(ana, 'narrative', 'two')).toBe('from bea');
    expect(cell(ana, 'subtitle', 'two')).toBe('from ana');
  });

  it('is what the worker’s next word is made from: its edit of the same column is no conflict', async () => {
    ana.run("update observations set subtitle = 'from ana' where title = 'two'");
    await expect.poll(() => cell(bea, 'subtitle', 'two')).toBe('from ana');
    bea.run("update observations set subtitle = 'from bea', sync_rev = '3' where title = 'two'");
    await send('two', 'about two', '3', { subtitle: 'from bea' });
    await expect.poll(() => cell(ana, 'subtitle', 'two')).toBe('from bea');
    expect((await ask(beaNode, 'conflicts', {})).conflicts).toEqual([]);
  });

  it('waits for what the worker has not sent, and loses nothing of it', async () => {
    bea.run("update observations set narrative = 'not sent', sync_rev = '2', synced_at = null where title in ('one', 'two')");
    ana.run("delete from observations where title = 'one'");
    ana.run("update observations set subtitle = 'from ana' where title = 'two'");
    ana.run("delete from observations where title = 'three'");
    await expect.poll(() => titles(bea)).toEqual(['one', 'two']);
    expect(cell(bea, 'narrative', 'one')).toBe('not sent');
    expect(cell(bea, 'subtitle', 'two')).toBeNull();
  });

  it('leaves what another program wrote there meanwhile, and has the worker send it', async () => {
    // Beside the worker: it does not know.
    bea.run("update observations set narrative = 'beside' where title in ('one', 'two')");
    ana.run("delete from observations where title = 'one'");
    ana.run("update observations set subtitle = 'from ana' where title = 'two'");
    await expect.poll(() => unsent()).toEqual(['one', 'two']);
    expect(titles(bea)).toEqual(['one', 'three', 'two']);
    expect([cell(bea, 'narrative', 'two'), cell(bea, 'subtitle', 'two')]).toEqual(['beside', 'from ana']);
    expect(cell(bea, 'sync_rev', 'one')).toBe('2');
  });

  it('leaves a row that is another one than the device’s under this number', async () => {
    bea.run("update observations set created_at_epoch = 1, title = 'another' where title = 'one'");
    ana.run("delete from observations where title in ('one', 'three')");
    await expect.poll(() => titles(bea)).toEqual(['another', 'two']);
    expect(unsent()).toEqual([]);
  });

  it('comes after its node was away, once', async () => {
    await place.stop('bea');
    ana.run("update observations set subtitle = 'while away' where title = 'two'");
    ana.run("delete from observations where title = 'one'");
    await expect.poll(() => titles(ana)).toEqual(['three', 'two']);
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // ana's source has to see it
    await place.start('bea');
    await expect.poll(() => [titles(bea), cell(bea, 'subtitle', 'two')]).toEqual([['three', 'two'], 'while away']);
    await place.stop('bea');
    bea.run("update observations set subtitle = 'later' where title = 'two'");
    await place.start('bea');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(cell(bea, 'subtitle', 'two')).toBe('later');
  });

  it('is written once the worker has sent its own, and an edit outlives a deletion', async () => {
    bea.run("update observations set narrative = 'not sent', sync_rev = '2', synced_at = null where title = 'one'");
    ana.run("delete from observations where title in ('one', 'three')");
    await expect.poll(() => titles(bea)).toEqual(['one', 'two']);
    await expect.poll(() => titles(ana)).toEqual(['two']);
    await send('one', 'not sent', '2');
    bea.run("update observations set synced_at = 2 where title = 'one'");
    await expect.poll(() => titles(ana)).toEqual(['one', 'two']);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(titles(bea)).toEqual(['one', 'two']);
    expect(bea.rows(ana, ['content_hash'])).toEqual(ana.rows(bea, ['content_hash']));
  });

  it('waits where its database is held by another program', async () => {
    bea.sql.exec('begin immediate');
    ana.run("delete from observations where title = 'one'");
    await expect.poll(async () => (await worker.changes('5')).body['head_seq']).toBe('6');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(titles(bea)).toEqual(['one', 'three', 'two']);
    bea.sql.exec('rollback');
    await expect.poll(() => titles(bea)).toEqual(['three', 'two']);
  });

  it('is also what a worker there says of all rows of a project, and what was forgotten', async () => {
    const { token, url } = await ask(anaNode, 'claude-mem-token-add', { user: 'me', name: '' });
    const other = createSyncClient({ url, token, user: 'me', device: 'device-ana' });
    const moved = { op: 'remap_project', where: { project: 'app' }, fields: { merged_into_project: 'market' } };
    expect((await other.push([mutation('device-ana', moved, { rev: '2' })])).status).toBe(200);
    const merged = (): unknown => bea.get("select count(*) from observations where merged_into_project = 'market'");
    await expect.poll(merged).toBe(3);
    await expect.poll(() => bea.get('select merged_into_project from session_summaries')).toBe('market');
    const [space] = [...anaNode.spaces.values()];
    const states = await space!.replica.exclusive(() => space!.replica.list({ kind: 'claude-mem' }));
    const items = states.map(({ item }) => item.name).filter((name) => name.includes('/observations/'));
    expect(await ask(anaNode, 'forget', { items })).toMatchObject({ erased: true });
    await expect.poll(() => titles(bea)).toEqual([]);
    expect(unsent()).toEqual([]);
  });
});
