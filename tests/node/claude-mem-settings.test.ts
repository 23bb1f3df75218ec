import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Check } from '../../src/node/doctor/check.ts';
import { connect } from './claude-mem-two-machines.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

let place: Place;
let settings: string;

beforeEach(async () => {
  place = await Place.create();
  settings = path.join(place.home('a'), '.claude-mem', 'settings.json');
  await mkdir(path.dirname(settings), { recursive: true });
  const database = new MemDatabase(path.join(path.dirname(settings), 'claude-mem.db'), '13.25.3');
  database.session('s1');
  database.close();
});
afterEach(() => place.dispose());

async function checks(): Promise<Check[]> {
  const node = await place.start('a');
  const { checks: all } = await ask(node, 'doctor', {});
  expect(all.find(({ id }) => id === 'source:claude-mem')).toMatchObject({ result: 'ok' });
  await place.stop('a');
  return all.filter(({ id }) => id.startsWith('claude-mem'));
}

it('settings that nobody can use are named by doctor, and stop neither the node nor what it carries', async () => {
  await writeFile(settings, '{"CLAUDE_MEM_MODEL":');
  expect(await checks()).toMatchObject([{ id: 'claude-mem.settings', result: 'warn', reason: expect.stringContaining('it is not JSON') }]);
  await rm(settings);
  await mkdir(settings);
  expect(await checks()).toMatchObject([{ id: 'claude-mem.settings', reason: expect.stringContaining('a folder stands in its place') }]);
  await rm(settings, { recursive: true });
  await writeFile(settings, '{"CLAUDE_MEM_MODEL": "x"}');
  expect(await checks()).toMatchObject([{ id: 'claude-mem', result: 'ok' }]);
});

it('status says that its token is refused, before its worker has noticed, and what the worker says of its hub', async () => {
  const node = await place.start('a');
  await connect(place, 'a', node);
  const verdict = async (): Promise<string> => (await ask(node, 'status', {})).verdict;
  await expect.poll(verdict).toMatch(/^Everything is kept here/);
  const [user] = (await ask(node, 'claude-mem-users', {})).users;
  await ask(node, 'claude-mem-token-remove', { id: user!.tokens[0]!.id });
  expect(await verdict()).toBe(
    'Not syncing: what claude-mem saves is not taken: this node does not know the token that claude-mem shows. Run: satchel claude-mem connect; then start its worker again',
  );
  expect((await ask(node, 'doctor', {})).checks.find(({ id }) => id === 'claude-mem.refused')).toMatchObject({ result: 'fail' });
  await connect(place, 'a', node);
  let lastError: string | null = 'push failed: HTTP 401';
  const worker = createServer((_, answer) => void answer.end(JSON.stringify({ lastError }))).listen(0, '127.0.0.1');
  await once(worker, 'listening');
  try {
    const { port } = worker.address() as AddressInfo;
    await writeFile(path.join(path.dirname(settings), 'worker.pid'), JSON.stringify({ pid: process.pid, port }));
    expect(await verdict()).toMatch(/^Not syncing: what claude-mem saves is not taken: .*Run: satchel claude-mem connect/);
    lastError = 'fetch failed';
    expect(await verdict()).toMatch(/^Not everything is in sync: claude-mem could not sync with .*; it tries again by itself$/);
    lastError = null;
    expect(await verdict()).toMatch(/^Everything is kept here/);
  } finally {
    worker.close();
  }
});

it.each(['', '{"CLAUDE_MEM_MODEL": "x", "CLAUDE_MEM_CLOUD_SYNC_TO'])(
  'settings that are written in place are read when they are whole: half of them would give the rows back to the source (%j)',
  async (half) => {
    const node = await place.start('a');
    await connect(place, 'a', node);
    const carried = (): unknown => [...node.spaces.values()].flatMap(({ rows }) => rows.map(({ definition }) => definition.sessionsOnly));
    expect(carried()).toEqual([true]);
    const opened = [...node.spaces.values()];
    const whole = await readFile(settings, 'utf8');
    await writeFile(settings, half);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await writeFile(settings, whole);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect([...node.spaces.values()].map((open, at) => open === opened[at])).toEqual([true]);
    // What stays so is meant.
    await writeFile(settings, '');
    await expect.poll(carried).toEqual([false]);
  },
);

it('a database that cannot be read is said by sync and projects, and a choice counts all the same', async () => {
  await writeFile(
    path.join(path.dirname(settings), 'claude-mem.db'),
    'no database at all, and longer than a header of one would be'.repeat(20),
  );
  const node = await place.start('a', { live: false });
  await node.ensurePersonalSpace();
  const { spaces } = await ask(node, 'sync', {});
  expect(spaces[0]?.not_carried).toEqual([
    { path: expect.stringMatching(/claude-mem\.db$/), reason: expect.stringContaining('not a database'), remedy: 'Run: satchel doctor' },
  ]);
  await expect(ask(node, 'claude-mem-projects', {})).rejects.toMatchObject({
    type: 'unreadable-database',
    message: expect.stringContaining('claude-mem’s database cannot be read'),
    next: 'Run: satchel doctor',
  });
  await connect(place, 'a', node);
  const written = JSON.parse(await readFile(settings, 'utf8')) as object;
  await writeFile(settings, JSON.stringify({ ...written, CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'd' }));
  await expect(ask(node, 'claude-mem-import', {})).rejects.toMatchObject({ type: 'damaged' });
  const placed = await ask(node, 'claude-mem-project-place', { project: 'zork', to: { type: 'local' } });
  expect(placed).toMatchObject({ project: 'zork', space: null, rows: null });
  expect(node.memRows.choices).toEqual([{ project: 'zork', space: null }]);
});
