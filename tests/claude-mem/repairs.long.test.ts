import { copyFile, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { undoConnection, writeConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from '../node/place.ts';
import { FIRST_WITH_SYNC, NEWEST, RealWorker } from './real-worker.ts';

/** Real workers in states that wedge them. */
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

function worker(machine: string, version: string): RealWorker {
  const made = new RealWorker(place.home(machine), version);
  workers.push(made);
  return made;
}

async function connect(node: SatchelNode, to: RealWorker): Promise<void> {
  const { id, token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  expect(await writeConnection(node.home, to.folder, settings, id)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
}

it.each([NEWEST, FIRST_WITH_SYNC])('a home that was copied with its settings goes on by itself after a repair (%s)', async (version) => {
  const a = await place.start('a');
  const first = worker('a', version);
  await first.start();
  await connect(a, first);
  await first.stop();
  await first.start();
  await first.save('before');
  await first.session('one');
  await first.save('before as well');
  await expect.poll(async () => (await first.syncStatus()).lastError, patience).toBeNull();
  await first.stop();
  await cp(place.home('a'), place.home('b'), { recursive: true, filter: (from) => !from.includes('.satchel') });

  const second = worker('b', version);
  const b = await place.start('b');
  await Promise.all([first.start(), second.start()]);
  await first.save('from the first');
  await expect.poll(async () => (await ask(a, 'claude-mem-users', {})).users[0]?.ops, patience).toBe(5);
  await second.save('from the copy');
  const found = async (): Promise<string[]> =>
    (await ask(b, 'doctor', {})).checks.map(({ id }) => id).filter((id) => id.startsWith('claude-mem.'));
  await expect.poll(found, patience).toContain('claude-mem.refused');
  expect((await ask(a, 'doctor', {})).checks.map(({ id }) => id).filter((id) => id.startsWith('claude-mem.gateway'))).toHaveLength(1);
  expect((await ask(b, 'claude-mem-repair', { check: 'device-id', apply: true })).repairs).toMatchObject([{ state: 'blocked' }]);
  await second.stop();
  expect((await ask(b, 'claude-mem-repair', { check: 'device-id', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
  await second.start();
  await first.save('later on the first');
  await second.save('later on the copy');
  await expect.poll(() => second.memories().observations.length, patience).toBe(6);
  await expect.poll(() => first.memories(), patience).toEqual(second.memories());
  const { summaries, prompts } = first.memories();
  expect([summaries.length, prompts.length]).toEqual([1, 1]);
  for (const each of [first, second]) expect([each.check(), (await each.syncStatus()).lastError]).toEqual([[], null]);
  expect((await ask(b, 'claude-mem-repair', { check: 'device-id' })).repairs).toEqual([]);
});

it('what a worker saves into a database that was replaced under it is there after a repair', async () => {
  const a = await place.start('a');
  const only = worker('a', NEWEST);
  await only.start();
  await only.save('before');
  await expect.poll(async () => (await ask(a, 'status', {})).spaces[0]?.position ?? 0, patience).toBeGreaterThan(0);
  await copyFile(only.file, `${only.file}.copy`);
  await copyFile(`${only.file}-wal`, `${only.file}.copy-wal`);
  // As a tool that syncs files does.
  for (const end of ['-wal', '-shm']) await rm(`${only.file}${end}`, { force: true });
  await rename(`${only.file}.copy-wal`, `${only.file}-wal`);
  await rename(`${only.file}.copy`, only.file);
  await only.save('into nowhere');
  const ids = (await ask(a, 'doctor', {})).checks.map(({ id }) => id);
  expect(ids).toContain('claude-mem.open-file');
  expect((await ask(a, 'claude-mem-repair', { check: 'open-file', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
  await only.stop('SIGKILL');
  await only.start();
  await expect
    .poll(() => new Set(only.memories().observations.map((line) => line.split('|')[0])), patience)
    .toEqual(new Set(['before', 'into nowhere']));
  expect(only.check()).toEqual([]);
  expect(path.dirname(only.file)).toBe(only.folder);
});

it.each([[['-wal']], [['-shm']], [['-wal', '-shm']], [['', '-wal', '-shm']], [['']]])(
  'a worker whose files were moved away (%j) is named, and goes on as if nothing had been when they have their names again',
  async (ends) => {
    const a = await place.start('a');
    const only = worker('a', NEWEST);
    await only.start();
    await only.save('before');
    const carried = async (): Promise<number> => (await ask(a, 'search', { query: 'about' })).hits.length;
    await expect.poll(carried, patience).toBe(1);
    for (const end of ends) await rename(only.file + end, `${only.file}.moved${end}`);
    await only.save('meanwhile');
    const found = async (): Promise<string[]> =>
      (await ask(a, 'doctor', {})).checks.filter(({ id, result }) => id.startsWith('claude-mem.') && result === 'fail').map(({ id }) => id);
    expect(await found()).toEqual(['claude-mem.open-file']);
    await expect.poll(async () => (await ask(a, 'status', {})).in_sync, patience).toBe(false);
    expect((await ask(a, 'claude-mem-repair', { check: 'open-file', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
    expect(await found()).toEqual([]);
    await only.save('after');
    await expect.poll(carried, patience).toBe(3);
    await only.stop();
    await only.start();
    expect(only.memories().observations.map((line) => line.split('|')[0])).toEqual(['after', 'before', 'meanwhile']);
    await expect.poll(async () => (await ask(a, 'status', {})).in_sync, patience).toBe(true);
    expect((await ask(a, 'pending', {})).pending).toEqual([]);
    expect(only.check()).toEqual([]);
  },
);

it('what a worker has of a database that was deleted under it is all there after a repair: local projects, edits, and nothing twice', async () => {
  await mkdir(path.join(place.home('a'), '.satchel'), { recursive: true, mode: 0o700 });
  const config = { claudeMem: { projects: [{ project: 'loc*', local: true }] } };
  await writeFile(path.join(place.home('a'), '.satchel', 'config.json'), JSON.stringify(config), { mode: 0o600 });
  const a = await place.start('a');
  const only = worker('a', NEWEST);
  await only.start();
  await only.session('one');
  await only.save('eee');
  await only.ask('POST', '/api/memory/save', { title: 'diary', text: 'about the diary', project: 'loc1' });
  only.edit("UPDATE observations SET narrative = 'told otherwise' WHERE title = 'eee'");
  await expect.poll(async () => (await ask(a, 'search', { query: 'otherwise' })).hits.length, patience).toBe(1);
  const all = only.memories();
  for (const end of ['', '-wal', '-shm']) await rm(`${only.file}${end}`, { force: true });
  expect((await ask(a, 'claude-mem-repair', { check: 'open-file', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
  await only.stop('SIGKILL');
  await only.start();
  const pending = async (): Promise<readonly { readonly id: string }[]> => (await ask(a, 'pending', {})).pending;
  await expect.poll(async () => (await pending()).length, patience).toBe(1);
  await ask(a, 'answer-pending', { answer: 'reject', ids: [(await pending())[0]?.id ?? ''] });
  await expect.poll(() => only.memories().observations.length, patience).toBe(1);
  expect((await ask(a, 'doctor', {})).checks.map(({ id }) => id)).toContain('claude-mem.left-rows');
  expect((await ask(a, 'claude-mem-repair', { check: 'left-rows', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
  expect(only.memories()).toEqual(all);
  expect((await ask(a, 'search', { query: 'eee' })).hits).toHaveLength(1);
  expect((await ask(a, 'doctor', {})).checks.filter(({ id, result }) => id.includes('claude-mem') && result !== 'ok')).toEqual([]);
  expect(only.check()).toEqual([]);
});

it.each([
  ['as they come', []],
  // Some have the numbers that they had, and none has another row's.
  [
    'that no other row had',
    [
      ['saved second', 100],
      ['saved first', 3],
      ['saved second', 2],
    ],
  ],
] as const)(
  'a database that was made anew and written again from the space, under numbers %s, doubles nothing when it is connected again',
  async (_, numbers) => {
    const a = await place.start('a');
    const only = worker('a', NEWEST);
    const restart = async (): Promise<void> => {
      await only.stop();
      await only.start();
    };
    await only.start();
    await only.session('one');
    await only.save('saved first');
    await connect(a, only);
    await restart();
    await only.save('saved second');
    const ops = async (): Promise<number | undefined> => (await ask(a, 'claude-mem-users', {})).users[0]?.ops;
    await expect.poll(ops, patience).toBe(4);
    expect(await undoConnection(a.home)).toMatchObject({ ok: true });
    await ask(a, 'claude-mem-reconnected', {});
    await restart();
    await only.session('two');
    const carried = async (): Promise<number> => (await ask(a, 'search', { query: 'two' })).hits.length;
    await expect.poll(carried, patience).toBeGreaterThan(0);
    const all = only.memories();
    await only.stop();
    for (const end of ['', '-wal', '-shm']) await rm(`${only.file}${end}`, { force: true });
    await only.start();
    const pending = async (): Promise<readonly { readonly id: string }[]> => (await ask(a, 'pending', {})).pending;
    await expect.poll(async () => (await pending()).length, patience).toBe(1);
    await ask(a, 'answer-pending', { answer: 'reject', ids: [(await pending())[0]?.id ?? ''] });
    await expect.poll(() => only.memories(), patience).toEqual(all);
    for (const [title, id] of numbers) only.edit('UPDATE observations SET id = ? WHERE title = ?', id, title);
    await connect(a, only);
    await restart();
    const found = async (): Promise<string[]> =>
      (await ask(a, 'doctor', {})).checks.map(({ id }) => id).filter((id) => /^claude-mem\.(device-id|lost-rows)$/.test(id));
    await expect.poll(found, patience).toHaveLength(1);
    await sleep(5_000);
    expect(only.memories()).toEqual(all);
    const [check = ''] = await found();
    await only.stop();
    expect((await ask(a, 'claude-mem-repair', { check, apply: true })).repairs).toMatchObject([{ state: 'done' }]);
    await only.start();
    await only.save('saved later');
    await expect.poll(async () => (await only.syncStatus()).lastError, patience).toBeNull();
    await sleep(5_000);
    const { observations, summaries, prompts } = only.memories();
    expect([observations.length, summaries, prompts]).toEqual([3, all.summaries, all.prompts]);
    expect((await ask(a, 'search', { query: 'saved' })).hits).toHaveLength(3);
    expect(await found()).toEqual([]);
    expect(only.check()).toEqual([]);
  },
);
