import { existsSync } from 'node:fs';
import { copyFile, readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from '../node/place.ts';
import { freePort } from '../setup/free-port.ts';
import { FIRST_WITH_SYNC, NEWEST, RealWorker } from './real-worker.ts';

/** Logs of real workers: of another machine's, and of one that was killed. */
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

it.each([
  [NEWEST, FIRST_WITH_SYNC],
  [NEWEST, NEWEST],
])('a log of another machine’s worker is opened by nobody, and one that a killed worker left is (%s, %s)', async (theirs, ours) => {
  const port = await freePort();
  const first = await place.start('a', { port });
  const joining = await place.start('b', { live: false });
  await ask(joining, 'join', { link: (await ask(first, 'invite', {})).link, name: 'bee', trust_own: true });
  await place.stop('b');
  const [a, b] = [worker('a', theirs), worker('b', ours)];
  await Promise.all([a.start(), b.start()]);
  await place.start('b');
  await Promise.all([a.save('from a'), b.save('from b'), a.session('one')]);
  const titles = (of: RealWorker): string[] => of.memories().observations.map((line) => line.split('|')[0] ?? '');
  await expect.poll(() => (titles(a).toSorted().join() === titles(b).toSorted().join() ? titles(b).length : 0), patience).toBe(2);
  await b.save('the last one of b');
  await expect.poll(() => titles(a), patience).toContain('the last one of b');
  await a.save('the last one of a');
  await expect.poll(() => titles(b), patience).toContain('the last one of a');
  const all = titles(b).toSorted();

  await Promise.all([b.stop(), place.stop('b')]);
  expect(existsSync(`${b.file}-wal`)).toBe(false);
  const before = await readFile(b.file);
  await copyFile(`${a.file}-wal`, `${b.file}-wal`);
  const asked = await place.start('b', { live: false });
  const ids = async (node: SatchelNode): Promise<string[]> =>
    (await ask(node, 'doctor', {})).checks.map(({ id }) => id).filter((id) => id.startsWith('claude-mem'));
  expect(await ids(asked)).toContain('claude-mem.wal');
  await place.stop('b');
  const node = await place.start('b');
  await expect.poll(async () => (await ask(node, 'status', {})).verdict, patience).toContain('write-ahead log');
  expect((await readFile(b.file)).equals(before)).toBe(true);
  expect((await ask(node, 'claude-mem-repair', { check: 'wal', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
  await b.start();
  await expect.poll(() => titles(b).toSorted(), patience).toEqual(all);
  expect(titles(a).toSorted()).toEqual(all);

  await place.stop('b');
  await b.save('seen by no node');
  await b.stop('SIGKILL');
  expect((await stat(`${b.file}-wal`)).size).toBeGreaterThan(32);
  const again = await place.start('b');
  expect(await ids(again)).not.toContain('claude-mem.wal');
  await expect.poll(() => titles(a), patience).toContain('seen by no node');
  await b.start();
  expect([a.check(), b.check(), titles(b).toSorted()]).toEqual([[], [], [...all, 'seen by no node'].toSorted()]);
});
