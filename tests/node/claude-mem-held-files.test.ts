import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeRow } from '../../src/kinds/rows/row-body.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** A node and a worker that have claude-mem's database open while its files are moved, deleted or replaced under them. */

let place: Place;
let file: string;
let node: SatchelNode;
const workers: ChildProcessWithoutNullStreams[] = [];

beforeEach(async () => {
  place = await Place.create();
  file = path.join(place.home('a'), '.claude-mem', 'claude-mem.db');
  mkdirSync(path.dirname(file), { recursive: true });
  const made = new MemDatabase(file, '13.25.3');
  made.session('s');
  made.observation('s', 'one');
  made.close();
});
afterEach(async () => {
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  await place.dispose();
});

async function worker(): Promise<{ save(title: string): Promise<void>; kill(): Promise<void> }> {
  const script = fileURLToPath(new URL('mem-holder.mjs', import.meta.url));
  const held = spawn(process.execPath, [script, file], { stdio: ['pipe', 'pipe', 'pipe'] });
  workers.push(held);
  const lines = createInterface({ input: held.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async save(title) {
      held.stdin.write(`${title}\n`);
      expect(await lines.next()).toMatchObject({ value: title });
    },
    async kill() {
      held.kill('SIGKILL');
      await new Promise((resolve) => held.once('exit', resolve));
    },
  };
}

type Fate = 'moved' | 'unlinked' | 'replaced';

function befall(end: string, fate: Fate): void {
  if (fate === 'moved') renameSync(file + end, `${path.dirname(file)}/moved${end}`);
  else if (fate === 'unlinked') rmSync(file + end);
  else {
    copyFileSync(file + end, `${file}.fresh`);
    renameSync(`${file}.fresh`, file + end);
  }
}

const memIds = async (): Promise<string[]> =>
  (await ask(node, 'doctor', {})).checks.map(({ id }) => id).filter((id) => id.startsWith('claude-mem'));
const repair = async () => (await ask(node, 'claude-mem-repair', { check: 'open-file', apply: true })).repairs;
const titlesInSpace = async (): Promise<number> =>
  (await [...node.spaces.values()][0]!.replica.list({ prefix: 'claude-mem/observations/' })).length;
const sourceOf = async () => (await ask(node, 'status', {})).spaces[0]?.sources.find(({ id }) => id === 'claude-mem');
/** What is asked, once it is. An answer is for one state: what was looked at while it still changed is asked again. */
async function rejectPending(): Promise<void> {
  let answers = 0;
  const answer = async (): Promise<boolean> => {
    const ids = (await ask(node, 'pending', {})).pending.map(({ id }) => id);
    if (ids.length > 0) await ask(node, 'answer-pending', { answer: 'reject', ids });
    answers += ids.length;
    return ids.length === 0 && answers > 0;
  };
  await expect.poll(answer).toBe(true);
}
function titlesInFile(): string[] {
  const made = new MemDatabase(file, '13.25.3');
  try {
    made.check();
    return made.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all() as string[];
  } finally {
    made.close();
  }
}

describe.each([
  ['the log', ['-wal']],
  ['the memory of the log', ['-shm']],
  ['the log and its memory', ['-wal', '-shm']],
])('%s', (_, ends) => {
  it.each(['moved', 'unlinked', 'replaced'] as const)(
    '%s under a node and a worker: the node goes on with the worker, says so, and nothing is lost when the worker is killed and started again',
    async (fate) => {
      node = await place.start('a');
      const first = await worker();
      await first.save('two');
      await expect.poll(titlesInSpace).toBe(2);
      for (const end of ends) befall(end, fate);
      await first.save('three');
      await expect.poll(titlesInSpace).toBe(3);
      expect(await sourceOf()).toMatchObject({ state: 'failed', detail: expect.stringContaining('repair open-file') as string });
      expect((await ask(node, 'status', {})).in_sync).toBe(false);
      expect(await memIds()).toEqual(['claude-mem.open-file']);
      await first.save('four');
      await expect.poll(titlesInSpace).toBe(4);
      // A log that was put there is another one's: the next worker must not find it.
      if (fate === 'replaced') expect(await repair()).toMatchObject([{ state: 'done' }]);
      await sleep(400);
      await first.kill();
      await sleep(400);
      const second = await worker();
      await second.save('five');
      await expect.poll(titlesInSpace).toBe(5);
      await expect.poll(async () => (await sourceOf())?.state).toBe('ok');
      expect(await memIds()).toEqual(['claude-mem']);
      expect((await ask(node, 'pending', {})).pending).toEqual([]);
      await place.stop('a');
      await second.kill();
      expect(titlesInFile()).toEqual(['five', 'four', 'one', 'three', 'two']);
    },
  );
});

it.each(['moved', 'unlinked', 'replaced'] as const)(
  'a database that was %s alone is opened by no node before it is repaired, and all is there afterwards',
  async (fate) => {
    node = await place.start('a');
    const first = await worker();
    await first.save('two');
    await expect.poll(titlesInSpace).toBe(2);
    befall('', fate);
    await first.save('three');
    await expect.poll(async () => (await sourceOf())?.detail).toContain('repair open-file');
    expect((await ask(node, 'pending', {})).pending).toEqual([]);
    expect(await memIds()).toEqual(['claude-mem.open-file']);
    const [would] = (await ask(node, 'claude-mem-repair', {})).repairs;
    expect(would).toMatchObject({ id: 'open-file', state: 'would' });
    expect(await repair()).toMatchObject([{ state: 'done' }]);
    // What has its name again is carried by itself.
    if (fate === 'moved') await first.save('four');
    else expect(await titlesInSpace()).toBe(3);
    await first.kill();
    if (fate === 'unlinked') {
      const made = new MemDatabase(file, '13.25.3');
      made.session('s');
      made.close();
    }
    const second = await worker();
    await second.save('five');
    if (fate !== 'moved') {
      // What is there is an older state, or none.
      await rejectPending();
    }
    await expect.poll(async () => (await sourceOf())?.state).toBe('ok');
    await expect.poll(titlesInSpace).toBe(fate === 'moved' ? 5 : 4);
    expect(await memIds()).toEqual(['claude-mem']);
    const wanted = fate === 'moved' ? ['five', 'four', 'one', 'three', 'two'] : ['five', 'one', 'three', 'two'];
    await expect.poll(titlesInFile).toEqual(wanted);
  },
);

it.each(['emptied', 'written over'] as const)(
  'a log that was %s in place is named, is read by no node, and what was carried is there again when its worker is killed',
  async (fate) => {
    const at = path.join(place.root, 'another.db');
    const another = new MemDatabase(at, '13.25.3');
    another.session('t');
    for (let row = 0; row < 40; row += 1) another.observation('t', `theirs ${row}`, { created_at_epoch: 1_770_000_000_000 + row });
    node = await place.start('a');
    const first = await worker();
    await first.save('two');
    await expect.poll(titlesInSpace).toBe(2);
    if (fate === 'emptied') truncateSync(`${file}-wal`, 0);
    else writeFileSync(`${file}-wal`, readFileSync(`${at}-wal`));
    another.close();
    expect(await memIds()).toEqual(['claude-mem.open-file']);
    expect((await ask(node, 'claude-mem-repair', { check: 'open-file', apply: true })).repairs).toMatchObject([
      { state: 'nothing', next: expect.stringContaining('kill -9') as string },
    ]);
    await expect.poll(async () => (await sourceOf())?.detail).toContain('repair open-file');
    await first.kill();
    if (fate === 'written over') {
      expect(await memIds()).toContain('claude-mem.wal');
      await ask(node, 'claude-mem-repair', { check: 'wal', apply: true });
    }
    const second = await worker();
    await second.save('five');
    await rejectPending();
    // Rows that only the other log had came in by its repair.
    const theirs = fate === 'emptied' ? 0 : 40;
    await expect.poll(() => titlesInFile().filter((title) => !title.startsWith('theirs'))).toEqual(['five', 'one', 'two']);
    expect(await titlesInSpace()).toBe(3 + theirs);
  },
);

it('what another program changes in the database that a worker writes over when it ends is kept by the repair, and what it was before is not taken for news', async () => {
  node = await place.start('a');
  const first = await worker();
  await first.save('two');
  await expect.poll(titlesInSpace).toBe(2);
  await first.save("sql UPDATE observations SET narrative = 'by the worker' WHERE title = 'two'");
  await expect.poll(() => narrativesInSpace()).toEqual({ one: 'about one', two: 'by the worker' });
  await place.stop('a');
  await first.save('sql PRAGMA wal_checkpoint(TRUNCATE)');
  await first.save("sql UPDATE observations SET narrative = 'by the worker, again' WHERE title = 'two'");
  for (const end of ['-wal', '-shm']) befall(end, 'unlinked');
  const other = new MemDatabase(file, '13.25.3');
  other.run("UPDATE observations SET narrative = 'by another program' WHERE title = 'one'");
  other.close();
  await first.save('three');
  node = await place.start('a');
  expect(await memIds()).toEqual(['claude-mem.open-file']);
  expect((await ask(node, 'doctor', {})).checks.find(({ id }) => id === 'source:claude-mem')).toMatchObject({
    result: 'fail',
    next_step: expect.stringContaining('satchel claude-mem repair') as string,
  });
  const [done] = await repair();
  expect(done).toMatchObject({
    state: 'done',
    lines: expect.arrayContaining([expect.stringContaining('what stands at its name')]) as string[],
  });
  const wanted = { one: 'by another program', three: 'held', two: 'by the worker, again' };
  expect(await narrativesInSpace()).toEqual(wanted);
  expect((await ask(node, 'conflicts', {})).conflicts).toEqual([]);
  // It ends in order: its log is copied over what is there.
  await first.save('sql PRAGMA wal_checkpoint(TRUNCATE)');
  await first.kill();
  await worker();
  await expect.poll(async () => (await sourceOf())?.state).toBe('ok');
  await expect.poll(narrativesInFile).toEqual(wanted);
  expect(await narrativesInSpace()).toEqual(wanted);
});

it('a database whose log others write all the while is not left to a worker that writes over it: the repair waits until it could be copied', async () => {
  node = await place.start('a');
  const first = await worker();
  await first.save('two');
  await expect.poll(titlesInSpace).toBe(2);
  await place.stop('a');
  await first.save('sql PRAGMA wal_checkpoint(TRUNCATE)');
  await first.save('three');
  for (const end of ['-wal', '-shm']) befall(end, 'unlinked');
  node = await place.start('a');
  // The log of other programs, so long that none of its copies is made while all of them wait for a core: each finds that it is newer than before.
  const log = `${file}-wal`;
  writeFileSync(log, Buffer.alloc(32 * 1024 * 1024));
  const script = `const { utimesSync } = require('fs'); let at = 1_700_000_000;
    for (;;) utimesSync(process.argv[1], (at += 1), at + Number(process.argv[2]));`;
  const busy = [0.1, 0.2, 0.3].map((own) => spawn(process.execPath, ['-e', script, log, String(own)]));
  workers.push(...busy);
  const writers = new Set<number>();
  const look = (): number[] => [...writers.add(Math.round((statSync(log).mtimeMs / 100) % 10))];
  await expect.poll(look, { interval: 1 }).toEqual(expect.arrayContaining([1, 2, 3]));
  const tried = await repair();
  expect(tried).toMatchObject([{ state: 'blocked', next: expect.stringContaining('run this again') as string }]);
  expect(tried[0]?.lines.join()).toContain('others write');
  const ended = busy.map((each) => once(each, 'exit'));
  for (const each of busy) each.kill('SIGKILL');
  await Promise.all(ended);
  expect(await repair()).toMatchObject([
    { state: 'done', lines: expect.arrayContaining([expect.stringContaining('what stands at its name')]) as string[] },
  ]);
  expect(await titlesInSpace()).toBe(3);
});

async function narrativesInSpace(): Promise<Record<string, unknown>> {
  const { replica } = [...node.spaces.values()][0]!;
  const found: [string, unknown][] = [];
  for (const { content } of await replica.list({ prefix: 'claude-mem/observations/' })) {
    const row = content === null ? null : decodeRow(await replica.bodies.read(content));
    if (row?.ok === true) found.push([String(row.value.get('title')), row.value.get('narrative')]);
  }
  return Object.fromEntries(found);
}

function narrativesInFile(): Record<string, unknown> {
  const made = new MemDatabase(file, '13.25.3');
  try {
    return Object.fromEntries(made.sql.prepare('SELECT title, narrative FROM observations').raw().all() as [string, unknown][]);
  } finally {
    made.close();
  }
}
