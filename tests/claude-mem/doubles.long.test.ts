import { mkdir } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { undoConnection, writeConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from '../node/place.ts';
import { FIRST_WITH_SYNC, NEWEST, RealWorker } from './real-worker.ts';

/** Real workers of two machines whose databases hold the same rows by Satchel, and that then sync by themselves. */
let place: Place;
let nodes: { readonly a: SatchelNode; readonly b: SatchelNode };
let a: RealWorker;
let b: RealWorker;

const patience = { timeout: 90_000, interval: 250 };

beforeEach(async () => {
  place = await Place.create();
  const [first, joining] = [await place.start('a'), await place.start('b', { live: false })];
  await ask(joining, 'join', { link: (await ask(first, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  nodes = { a: first, b: await place.start('b') };
  [a, b] = [new RealWorker(place.home('a'), NEWEST), new RealWorker(place.home('b'), FIRST_WITH_SYNC)];
  for (const each of [a, b]) await mkdir(each.folder, { recursive: true });
  await Promise.all([a.start(), b.start()]);
  await a.session('one');
  await a.save('of a');
  await b.session('two');
  await b.save('of b');
  await expectEqual({ observations: 2, summaries: 2, prompts: 2 });
}, 120_000);
afterEach(async () => {
  for (const each of [a, b]) await each.stop('SIGKILL');
  await place.dispose();
});

async function expectEqual(counts: { readonly observations: number; readonly summaries: number; readonly prompts: number }): Promise<void> {
  const countsOf = (of: RealWorker): unknown =>
    Object.fromEntries(Object.entries(of.memories()).map(([table, rows]: [string, readonly string[]]) => [table, rows.length]));
  await expect.poll(() => [countsOf(a), countsOf(b)], patience).toEqual([counts, counts]);
  // Nor does one come twice a moment later.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(a.memories()).toEqual(b.memories());
  expect([countsOf(a), a.check(), b.check()]).toEqual([counts, [], []]);
}

/** As `connect` does, through `hub`'s gateway; the worker has to start again. */
async function point(machine: 'a' | 'b', hub: SatchelNode, user = 'me'): Promise<void> {
  const [worker, node] = [machine === 'a' ? a : b, nodes[machine]];
  const { id, token, url } = await ask(hub, 'claude-mem-token-add', { user, name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: user, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  const place = hub === node ? null : { url, user, token };
  const prepared = await ask(node, 'claude-mem-reconnecting', { to: place ?? { own: user } });
  expect(prepared).toMatchObject({ unlooked: null, unmarked: null });
  expect(await writeConnection(node.home, worker.folder, settings, hub === node ? id : null)).toMatchObject({ ok: true });
  expect(await ask(node, 'claude-mem-reconnected', { hub: place, numbers: prepared.numbers })).toMatchObject({ unmarked: null });
}

async function connect(machine: 'a' | 'b', hub: SatchelNode, user = 'me'): Promise<void> {
  await point(machine, hub, user);
  const worker = machine === 'a' ? a : b;
  await worker.stop();
  await worker.start();
}

async function disconnect(machine: 'a' | 'b'): Promise<void> {
  expect(await ask(nodes[machine], 'claude-mem-reconnecting', {})).toMatchObject({ unlooked: null });
  expect(await undoConnection(nodes[machine].home)).toMatchObject({ ok: true });
  await ask(nodes[machine], 'claude-mem-reconnected', {});
}

async function expectInSync(...some: readonly RealWorker[]): Promise<void> {
  for (const each of some) expect(await each.syncStatus()).toMatchObject({ lastError: null });
}

it('one through the other’s node, then through its own: nothing stands twice, and what becomes of rows comes along', async () => {
  await connect('a', nodes.a);
  await connect('b', nodes.a);
  await a.save('later of a');
  await b.save('later of b');
  await expectEqual({ observations: 4, summaries: 2, prompts: 2 });
  await a.delete(a.idOf('of a'));
  await b.delete(b.idOf('later of b'));
  await expectEqual({ observations: 2, summaries: 2, prompts: 2 });
  await expectInSync(a, b);

  await disconnect('b');
  await connect('b', nodes.b);
  await b.session('three');
  await b.save('over its own');
  await a.save('after that');
  await expectEqual({ observations: 4, summaries: 3, prompts: 3 });
  await a.delete(a.idOf('later of a'));
  await expectEqual({ observations: 3, summaries: 3, prompts: 3 });
  await expectInSync(a, b);

  await disconnect('b');
  await connect('b', nodes.a);
  await b.save('and back');
  await expectEqual({ observations: 4, summaries: 3, prompts: 3 });
  await expectInSync(a, b);
});

it('both through a hub that is no machine of theirs: nothing stands twice', async () => {
  const hub = await place.start('hub', { hub: true });
  await connect('a', hub, 'ada');
  await a.save('first there');
  await connect('b', hub, 'ada');
  await b.save('second there');
  await expectEqual({ observations: 4, summaries: 2, prompts: 2 });
  await a.delete(a.idOf('of a'));
  await expectEqual({ observations: 3, summaries: 2, prompts: 2 });
  await expectInSync(a, b);
});

it('a worker that holds other states at the revisions that it is served goes on after a repair, and loses nothing', async () => {
  await connect('a', nodes.a);
  await connect('b', nodes.a);
  await a.save('later of a');
  await expectEqual({ observations: 3, summaries: 2, prompts: 2 });
  await b.stop();
  b.edit("update sync_entity_heads set operation_sha256 = 'of another feed'");
  b.edit("update sync_state set v = '0' where k = 'cursor'");
  await b.start();
  await a.save('behind');
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  expect(b.memories().observations.join()).not.toContain('behind');
  const repair = async (apply: boolean) => (await ask(nodes.b, 'claude-mem-repair', { check: 'wedged', apply })).repairs;
  expect(await repair(false)).toMatchObject([{ id: 'wedged', state: 'would' }]);
  expect(await repair(true)).toMatchObject([{ id: 'wedged', state: 'blocked' }]);
  await b.stop();
  expect(await repair(true)).toMatchObject([{ id: 'wedged', state: 'done' }]);
  expect(await repair(true)).toEqual([]);
  await b.start();
  await expectEqual({ observations: 4, summaries: 2, prompts: 2 });
  await b.save('and on');
  await expectEqual({ observations: 5, summaries: 2, prompts: 2 });
  await expectInSync(a, b);
});

it('what is edited, deleted and made beside a worker on its way from the other’s node to its own is so everywhere, once', async () => {
  await connect('a', nodes.a);
  for (let at = 0; at < 6; at += 1) await a.save(`x${at}`);
  await expectEqual({ observations: 8, summaries: 2, prompts: 2 });
  await connect('b', nodes.a);
  await b.save('through a');
  await expectEqual({ observations: 9, summaries: 2, prompts: 2 });

  await b.stop();
  const narrate = (title: string, text: string): void => b.edit('UPDATE observations SET narrative = ? WHERE title = ?', text, title);
  for (const title of ['x1', 'of b', 'through a']) narrate(title, 'before');
  b.edit("DELETE FROM observations WHERE title = 'x0'");
  b.edit("UPDATE session_summaries SET learned = 'before' WHERE request = 'one'");
  await point('b', nodes.b);
  narrate('x2', 'between');
  b.edit("DELETE FROM observations WHERE title = 'x3'");
  await b.start();
  await b.save('through b');
  await expectEqual({ observations: 8, summaries: 2, prompts: 2 });
  const said = a.memories();
  for (const words of ['x1||before', 'of b||before', 'through a||before', 'x2||between', 'through b||'])
    expect(said.observations.map((row) => row.replace('Manual memory', '')).join('\n')).toContain(words);
  expect(said.summaries.join()).toContain('one|before');
  const named = async (): Promise<unknown> =>
    (await ask(nodes.b, 'doctor', {})).checks.filter(({ id, result }) => id.startsWith('claude-mem') && result !== 'ok');
  expect(await named()).toEqual([]);
  await expectInSync(a, b);

  // Away for a time, edited, and back.
  await disconnect('b');
  await b.stop();
  narrate('through b', 'while it was away');
  await point('b', nodes.b);
  expect(await named()).toEqual([]);
  await b.start();
  await b.save('and back');
  await expectEqual({ observations: 9, summaries: 2, prompts: 2 });
  expect(a.memories().observations.join()).toContain('while it was away');
  expect(await named()).toEqual([]);
  await expectInSync(a, b);
});
