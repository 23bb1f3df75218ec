import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoConnection, writeConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from '../node/place.ts';
import { freePort } from '../setup/free-port.ts';
import { FIRST_WITH_SYNC, NEWEST, RealWorker } from './real-worker.ts';

/** Real workers of two releases, through the gateways of real nodes. */
let place: Place;
let workers: RealWorker[];

beforeEach(async () => {
  place = await Place.create();
  workers = [];
});
afterEach(async () => {
  for (const worker of workers) await worker.stop('SIGKILL');
  await place.dispose();
});

const patience = { timeout: 90_000, interval: 250 };

async function worker(home: string, version: string): Promise<RealWorker> {
  const made = new RealWorker(home, version);
  await mkdir(home, { recursive: true });
  workers.push(made);
  return made;
}

/** Points a worker at a node, as `connect` does with a token of that node. */
async function connect(node: SatchelNode, to: RealWorker, user = 'me'): Promise<void> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user, name: '' });
  await to.settings({
    CLAUDE_MEM_CLOUD_SYNC_TOKEN: token,
    CLAUDE_MEM_CLOUD_SYNC_USER_ID: user,
    CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url,
  });
}

/**
 * Where somebody else commits between what its client reads and writes in one transaction, SQLite refuses that at once as locked, whatever its busy
 * timeout: it tries again by itself, and says so until then.
 */
async function expectUntroubled(worker: RealWorker): Promise<void> {
  await expect.poll(() => worker.syncStatus(), patience).toMatchObject({ lastError: null, quarantine: { count: 0 } });
}

async function expectEqual(
  some: readonly RealWorker[],
  counts: { observations: number; summaries: number; prompts: number },
): Promise<void> {
  const [first, ...others] = some;
  await expect
    .poll(() => {
      const { observations, summaries, prompts } = first!.memories();
      return { observations: observations.length, summaries: summaries.length, prompts: prompts.length };
    }, patience)
    .toEqual(counts);
  const all = (worker: RealWorker | undefined): string => JSON.stringify(worker?.memories(), null, 1);
  // Of one moment: both may still be moving.
  for (const other of others) await expect.poll(() => (all(other) === all(first) ? null : [all(other), all(first)]), patience).toBeNull();
  for (const each of some) {
    expect(each.check()).toEqual([]);
    await expectUntroubled(each);
  }
}

it('save, delete and go on offline through one node’s gateway, and end up equal', async () => {
  // Homes apart from the node's: its own source has nothing to do with them.
  const port = await freePort();
  const node = await place.start('node', { port });
  const a = await worker(path.join(place.root, 'worker-a'), NEWEST);
  const b = await worker(path.join(place.root, 'worker-b'), FIRST_WITH_SYNC);
  for (const each of [a, b]) await connect(node, each);
  await Promise.all([a.start(), b.start()]);
  const gone = await a.save('to be deleted');
  await Promise.all([a.save('from a'), b.save('from b'), a.session('one'), b.session('two')]);
  await expectEqual([a, b], { observations: 3, summaries: 2, prompts: 2 });
  await a.delete(gone);
  await expectEqual([a, b], { observations: 2, summaries: 2, prompts: 2 });

  // The node is away; both go on, and one is killed.
  await place.stop('node');
  await a.save('while it was away');
  await b.save('there as well');
  await b.stop('SIGKILL');
  await place.start('node', { port });
  await b.start();
  await a.stop();
  await a.start();
  for (let round = 0; round < 5; round += 1) await Promise.all([a.save(`a ${round}`), b.save(`b ${round}`)]);
  await expectEqual([a, b], { observations: 14, summaries: 2, prompts: 2 });
});

it('through the gateways of two machines, whose space between them is sealed', async () => {
  const [first, joining] = [await place.start('a'), await place.start('b', { live: false })];
  await ask(joining, 'join', { link: (await ask(first, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  const second = await place.start('b');
  const a = await worker(path.join(place.root, 'worker-a'), NEWEST);
  const b = await worker(path.join(place.root, 'worker-b'), FIRST_WITH_SYNC);
  await connect(first, a);
  await connect(second, b);
  await Promise.all([a.start(), b.start()]);
  const gone = await a.save('to be deleted');
  await Promise.all([a.save('from a'), b.save('from b'), a.session('one'), b.session('two')]);
  await expectEqual([a, b], { observations: 3, summaries: 2, prompts: 2 });
  await a.delete(gone);
  await expectEqual([a, b], { observations: 2, summaries: 2, prompts: 2 });
  for (let round = 0; round < 5; round += 1) await Promise.all([a.save(`a ${round}`), b.save(`b ${round}`)]);
  await expectEqual([a, b], { observations: 12, summaries: 2, prompts: 2 });
});

describe('a hub', () => {
  it('serves many users, each its own', async () => {
    const hub = await place.start('hub', { hub: true });
    const made = await Promise.all(
      ['ada-1', 'ada-2', 'bob'].map((name, index) => worker(path.join(place.root, name), index === 1 ? FIRST_WITH_SYNC : NEWEST)),
    );
    const [one, two, bob] = made as [RealWorker, RealWorker, RealWorker];
    await connect(hub, one, 'ada');
    await connect(hub, two, 'ada');
    await connect(hub, bob, 'bob');
    await Promise.all(made.map((each) => each.start()));
    await Promise.all([one.save('of ada'), two.session('two'), bob.save('of bob')]);
    await two.save('also of ada'); // an import alone is not pushed before something else is
    await expectEqual([one, two], { observations: 2, summaries: 1, prompts: 1 });
    await expectEqual([bob], { observations: 1, summaries: 0, prompts: 0 });
    expect(bob.memories().observations[0]).toContain('of bob');
  });

  it('goes on with workers that deleted, titled and saved while it was away, and were killed', async () => {
    const port = await freePort();
    const hub = await place.start('hub', { hub: true, port });
    const [a, b] = [await worker(path.join(place.root, 'a'), NEWEST), await worker(path.join(place.root, 'b'), FIRST_WITH_SYNC)];
    for (const each of [a, b]) await connect(hub, each, 'ada');
    await Promise.all([a.start(), b.start()]);
    const gone = await a.save('to be deleted');
    await Promise.all([a.session('one'), b.session('two')]);
    await Promise.all([a.save('from a'), b.save('from b')]);
    await expectEqual([a, b], { observations: 3, summaries: 2, prompts: 2 });

    await place.stop('hub');
    await a.delete(gone);
    await a.prompt('one', 'again', 'A title of a');
    await b.save('while it was away');
    await b.stop('SIGKILL');
    await place.start('hub', { hub: true, port });
    await b.start();
    await a.stop();
    await a.start();
    for (let round = 0; round < 5; round += 1) await Promise.all([a.save(`a ${round}`), b.save(`b ${round}`)]);
    await expectEqual([a, b], { observations: 13, summaries: 2, prompts: 3 });
    // A session that came by its memories alone goes by their id there.
    await expect.poll(() => [a.titles(), b.titles()], patience).toEqual([['c-one|A title of a'], ['m-one|A title of a']]);
  });
});

it('history from before comes along, and nothing is there twice where the database is captured as well', async () => {
  const [first, joining] = [await place.start('a'), await place.start('b', { live: false })];
  await ask(joining, 'join', { link: (await ask(first, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  const second = await place.start('b');
  // In the machine's own home: captured by its source first.
  const a = await worker(place.home('a'), NEWEST);
  await a.start();
  await a.save('before sync');
  await a.session('old');
  await a.stop();
  const { id, token, url } = await ask(first, 'claude-mem-token-add', { user: 'me', name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  expect(await writeConnection(first.home, a.folder, settings, id)).toMatchObject({ ok: true });
  await ask(first, 'claude-mem-reconnected', {});
  await a.start();
  const b = await worker(path.join(place.root, 'worker-b'), FIRST_WITH_SYNC);
  await connect(second, b);
  await b.start();
  await b.save('from b');
  await a.save('after');
  await expectEqual([a, b], { observations: 3, summaries: 1, prompts: 1 });
});

it('what becomes of a worker’s own rows elsewhere reaches its database, though it passes over them', async () => {
  const [first, joining] = [await place.start('a'), await place.start('b', { live: false })];
  await ask(joining, 'join', { link: (await ask(first, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  const second = await place.start('b');
  // Both in their machines' homes: a's rows go by its node's source, b's by its worker's own sync.
  const [a, b] = [await worker(place.home('a'), FIRST_WITH_SYNC), await worker(place.home('b'), NEWEST)];
  const { id, token, url } = await ask(second, 'claude-mem-token-add', { user: 'me', name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  await mkdir(b.folder, { recursive: true });
  expect(await writeConnection(second.home, b.folder, settings, id)).toMatchObject({ ok: true });
  await ask(second, 'claude-mem-reconnected', {});
  await Promise.all([a.start(), b.start()]);
  const expectSame = async (titles: readonly string[]): Promise<void> => {
    const held = (of: RealWorker): string => JSON.stringify(of.memories(), null, 1);
    const titlesOf = (of: RealWorker): string[] => of.memories().observations.map((each) => String(each.split('|')[0]));
    await expect.poll(() => [titlesOf(a), titlesOf(b)], patience).toEqual([titles, titles]);
    await expect.poll(() => (held(a) === held(b) ? null : [held(a), held(b)]), patience).toBeNull();
    expect([a.check(), b.check()]).toEqual([[], []]);
    await expectUntroubled(b);
  };
  for (const title of ['deleted on a', 'edited', 'stays']) await b.save(title);
  await a.save('from a');
  await expectSame(['deleted on a', 'edited', 'from a', 'stays']);
  await a.delete(a.idOf('deleted on a'));
  a.edit("UPDATE observations SET subtitle = 'edited on a' WHERE title = 'edited'");
  await expectSame(['edited', 'from a', 'stays']);
  expect(b.memories().observations.join()).toContain('edited on a');
  // Of another machine's row its own interface knows nothing.
  await expect(b.delete(b.idOf('from a'))).rejects.toThrow('404');

  // What was written beside it is no trouble to the worker: it goes on with these rows, and after a restart.
  await b.stop('SIGKILL');
  a.edit("UPDATE observations SET subtitle = 'once more' WHERE title = 'edited'");
  await expect.poll(() => b.memories().observations.join(), patience).toContain('once more');
  await b.start();
  await b.save('after');
  await b.delete(b.idOf('edited'));
  await expectSame(['after', 'from a', 'stays']);
});

it('what is done between connect and the worker’s next start is taken in, on either machine, and sessions go with their rows', async () => {
  const [first, joining] = [await place.start('a'), await place.start('b', { live: false })];
  await ask(joining, 'join', { link: (await ask(first, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  const second = await place.start('b');
  const [a, b] = [await worker(place.home('a'), FIRST_WITH_SYNC), await worker(place.home('b'), NEWEST)];
  await Promise.all([a.start(), b.start()]);
  for (const title of ['deleted on a', 'deleted on b', 'to be reworded', 'stays']) await b.save(title);
  for (const session of ['one', 'two', 'three']) await b.session(session);
  const sessions = (of: RealWorker): string[] => of.memories().summaries.map((each) => String(each.split('|')[0]));
  const expectSame = async (titles: readonly string[], summaries: readonly string[]): Promise<void> => {
    const held = (of: RealWorker): string => JSON.stringify({ ...of.memories(), sessions: of.sessions() }, null, 1);
    const titlesOf = (of: RealWorker): string[] => of.memories().observations.map((each) => String(each.split('|')[0]));
    await expect.poll(() => [titlesOf(a), titlesOf(b), sessions(a), sessions(b)], patience).toEqual([titles, titles, summaries, summaries]);
    // Both looked at anew each time: a session goes after its rows.
    await expect.poll(() => (held(a) === held(b) ? null : [held(a), held(b)]), patience).toBeNull();
    expect([a.check(), b.check()]).toEqual([[], []]);
  };
  await expectSame(['deleted on a', 'deleted on b', 'stays', 'to be reworded'], ['one', 'three', 'two']);
  b.edit("UPDATE observations SET title = 'reworded' WHERE title = 'to be reworded'");
  await expectSame(['deleted on a', 'deleted on b', 'reworded', 'stays'], ['one', 'three', 'two']);

  const { id, token, url } = await ask(second, 'claude-mem-token-add', { user: 'me', name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  expect(await writeConnection(second.home, b.folder, settings, id)).toMatchObject({ ok: true });
  await ask(second, 'claude-mem-reconnected', {});
  // Its worker still runs, and knows of no sync.
  await b.delete(b.idOf('deleted on b'));
  b.edit("DELETE FROM sdk_sessions WHERE content_session_id = 'c-one'");
  await a.delete(a.idOf('deleted on a'));
  a.edit("DELETE FROM observations WHERE title = 'reworded'");
  a.edit("DELETE FROM sdk_sessions WHERE content_session_id = 'c-two'");
  await b.stop();
  await b.start();
  await b.save('after');
  await expectSame(['after', 'stays'], ['three']);

  a.edit("DELETE FROM sdk_sessions WHERE content_session_id = 'c-three'");
  await a.save('last');
  await expectSame(['after', 'last', 'stays'], []);
  await expectUntroubled(b);
});

it('a worker that was disconnected for a time, or is connected after others were given its rows, has nothing twice', async () => {
  const node = await place.start('b');
  const [b, other] = [await worker(place.home('b'), NEWEST), await worker(path.join(place.root, 'other'), FIRST_WITH_SYNC)];
  await connect(node, other);
  await Promise.all([b.start(), other.start()]);
  await b.session('one');
  await b.save('first');
  await expectEqual([other], { observations: 1, summaries: 1, prompts: 1 });

  const on = async (): Promise<void> => {
    await b.stop();
    const { id, token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: '' });
    const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
    expect(await writeConnection(node.home, b.folder, settings, id)).toMatchObject({ ok: true });
    await ask(node, 'claude-mem-reconnected', {});
    await b.start();
  };
  await on();
  await b.save('second');
  await expectEqual([b, other], { observations: 2, summaries: 1, prompts: 1 });

  await b.stop();
  expect(await undoConnection(node.home)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
  await b.start();
  await b.session('two');
  await b.save('third');
  await expectEqual([other], { observations: 3, summaries: 2, prompts: 2 });
  await on();
  await b.save('fourth');
  await expectEqual([b, other], { observations: 4, summaries: 2, prompts: 2 });
  // Nor later: it asks again for what is new.
  await other.save('of the other');
  await expectEqual([b, other], { observations: 5, summaries: 2, prompts: 2 });
});

it('rows that the source wrote while a worker was disconnected are no trouble to it, and named by no doctor, once it is connected again', async () => {
  const [first, joining] = [await place.start('a'), await place.start('b', { live: false })];
  await ask(joining, 'join', { link: (await ask(first, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  const second = await place.start('b');
  const [a, b] = [await worker(place.home('a'), FIRST_WITH_SYNC), await worker(place.home('b'), NEWEST)];
  const on = async (): Promise<void> => {
    await b.stop();
    const { id, token, url } = await ask(second, 'claude-mem-token-add', { user: 'me', name: '' });
    const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
    await mkdir(b.folder, { recursive: true });
    expect(await writeConnection(second.home, b.folder, settings, id)).toMatchObject({ ok: true });
    await ask(second, 'claude-mem-reconnected', {});
    await b.start();
  };
  const same = async (): Promise<void> => {
    const held = (of: RealWorker): string => JSON.stringify(of.memories(), null, 1);
    await expect.poll(() => (held(a) === held(b) ? null : [held(a), held(b)]), patience).toBeNull();
  };
  await Promise.all([a.start(), b.start()]);
  await b.save('from before');
  await b.session('one');
  await on();
  await b.save('sent');
  await expect.poll(() => a.memories().observations.length, patience).toBe(2);
  await b.stop();
  expect(await undoConnection(second.home)).toMatchObject({ ok: true });
  await ask(second, 'claude-mem-reconnected', {});
  await b.start();
  a.edit("UPDATE observations SET subtitle = 'of a'");
  a.edit("UPDATE session_summaries SET learned = 'of a'");
  a.edit("UPDATE sdk_sessions SET project = 'market' WHERE content_session_id = 'c-one'");
  await same();
  expect(b.memories().observations.filter((each) => each.includes('of a'))).toHaveLength(2);
  await on();
  await b.save('sent later');
  await expect.poll(() => a.memories().observations.length, patience).toBe(3);
  await same();
  await expectUntroubled(b);
  const failed = (await ask(second, 'doctor', {})).checks.filter(({ id, result }) => id.startsWith('claude-mem') && result === 'fail');
  expect(failed).toEqual([]);
});
