import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** A log that is put beside claude-mem's database, or under a node that has it open; and logs that are its own. */
const OURS = ['one', 'two', 'three'];
const MADE = 1_760_000_100_000;

let place: Place;
let file: string;
const open: MemDatabase[] = [];
const workers: ChildProcessWithoutNullStreams[] = [];

beforeEach(async () => {
  place = await Place.create();
  file = path.join(place.home('a'), '.claude-mem', 'claude-mem.db');
  mkdirSync(path.dirname(file), { recursive: true });
});
afterEach(async () => {
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  for (const database of open.splice(0)) database.close();
  await place.dispose();
});

function database(at = file): MemDatabase {
  const made = new MemDatabase(at, '13.25.3');
  open.push(made);
  return made;
}

function closed(made: MemDatabase): void {
  open.splice(open.indexOf(made), 1);
  made.close();
}

/** The log of a machine that has nearly the same rows, all of its database in it. */
function anothersLog(rows: readonly string[]): string {
  const at = path.join(place.root, 'another.db');
  const made = new MemDatabase(at, '13.25.3');
  made.sql.pragma('wal_autocheckpoint = 0');
  made.session('s');
  // What both have is of one time.
  for (const [index, title] of rows.entries())
    made.observation('s', title, { created_at_epoch: OURS.includes(title) ? MADE : MADE + 1_000 + index });
  const log = path.join(place.root, 'another-wal');
  copyFileSync(`${at}-wal`, log);
  made.close();
  return log;
}

async function worker(): Promise<{ save(title: string): Promise<void>; kill(): Promise<void> }> {
  const script = fileURLToPath(new URL('mem-holder.mjs', import.meta.url));
  const held = spawn(process.execPath, [script, file], { stdio: ['pipe', 'pipe', 'pipe'] });
  workers.push(held);
  const lines = createInterface({ input: held.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async save(title) {
      held.stdin.write(`${title}\n`);
      await lines.next();
    },
    async kill() {
      held.kill('SIGKILL');
      await new Promise((resolve) => held.once('exit', resolve));
    },
  };
}

const memIds = async (node: SatchelNode): Promise<string[]> =>
  (await ask(node, 'doctor', {})).checks.map(({ id }) => id).filter((id) => id.startsWith('claude-mem'));

const titlesInSpace = async (node: SatchelNode): Promise<number> =>
  (await [...node.spaces.values()][0]!.replica.list({ prefix: 'claude-mem/observations/' })).length;

const titlesIn = (made: MemDatabase): string[] =>
  made.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all() as string[];

const sourceOf = async (node: SatchelNode) => (await ask(node, 'status', {})).spaces[0]?.sources.find(({ id }) => id === 'claude-mem');

/** A database that was carried, and whose worker and node ended in order. */
async function carried(): Promise<void> {
  const made = database();
  made.session('s');
  for (const title of OURS) made.observation('s', title, { created_at_epoch: MADE });
  const node = await place.start('a', { live: false });
  await node.ensurePersonalSpace();
  await ask(node, 'sync', {});
  closed(made);
  await place.stop('a');
  expect(existsSync(`${file}-wal`)).toBe(false);
}

describe('a log that was put beside a database that was closed in order', () => {
  it.each([
    ['with fewer rows', ['one', 'two']],
    ['with others', ['one', 'two', 'four', 'five']],
    ['with many more', Array.from({ length: 300 }, (_, index) => `theirs ${index}`)],
  ])('%s is opened by no command, node or doctor, and what it says is no deletion', async (_, rows) => {
    await carried();
    copyFileSync(anothersLog(rows), `${file}-wal`);
    const before = [readFileSync(file), readFileSync(`${file}-wal`)] as const;
    const asked = await place.start('a', { live: false });
    expect(await memIds(asked)).toEqual(['claude-mem.wal']);
    expect((await ask(asked, 'claude-mem-repair', {})).repairs).toMatchObject([{ id: 'wal', state: 'would' }]);
    await ask(asked, 'sync', {});
    await place.stop('a');

    const node = await place.start('a');
    await expect.poll(async () => (await sourceOf(node))?.state).toBe('failed');
    expect(await titlesInSpace(node)).toBe(3);
    expect((await ask(node, 'status', {})).in_sync).toBe(false);
    expect(readFileSync(file).equals(before[0])).toBe(true);
    expect(readFileSync(`${file}-wal`).equals(before[1])).toBe(true);

    expect((await ask(node, 'claude-mem-repair', { check: 'wal', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
    expect(titlesIn(database())).toEqual(expect.arrayContaining(['one', 'two', 'three']));
    await expect.poll(async () => (await sourceOf(node))?.state).toBe('ok');
    expect(await memIds(node)).toEqual(['claude-mem']);
    expect((await ask(node, 'pending', {})).pending).toEqual([]);
  });
});

it('a log of the database’s own past takes no edit back, not by its repair either', async () => {
  const past = path.join(place.root, 'past-wal');
  const made = database();
  made.sql.pragma('wal_autocheckpoint = 0');
  made.session('s');
  for (const title of ['one', 'two']) made.observation('s', title, { created_at_epoch: MADE });
  copyFileSync(`${file}-wal`, past);
  made.sql.pragma('wal_checkpoint(TRUNCATE)');
  made.run("UPDATE observations SET title = 'one, edited' WHERE title = 'one'");
  made.observation('s', 'three', { created_at_epoch: MADE });
  const before = await place.start('a', { live: false });
  await before.ensurePersonalSpace();
  await ask(before, 'sync', {});
  closed(made);
  await place.stop('a');
  copyFileSync(past, `${file}-wal`);
  const node = await place.start('a');
  expect(await memIds(node)).toEqual(['claude-mem.wal']);
  expect((await ask(node, 'claude-mem-repair', { check: 'wal', apply: true })).repairs).toMatchObject([{ state: 'done' }]);
  await ask(node, 'sync', {});
  expect(titlesIn(database())).toEqual(['one, edited', 'three', 'two']);
  expect(await titlesInSpace(node)).toBe(3);
});

describe('a log of its own is opened without a question', () => {
  it('that a killed worker left, which no node ever saw', async () => {
    await carried();
    const killed = await worker();
    for (const title of ['four', 'five']) await killed.save(title);
    await killed.kill();
    const node = await place.start('a', { live: false });
    expect(await memIds(node)).toEqual(['claude-mem']);
    await ask(node, 'sync', {});
    expect(await titlesInSpace(node)).toBe(5);
    expect(titlesIn(database())).toEqual(['five', 'four', 'one', 'three', 'two']);
  });

  it('that was copied to another machine together with its database', async () => {
    await carried();
    const running = await worker();
    await running.save('four');
    const there = path.join(place.home('b'), '.claude-mem');
    mkdirSync(there, { recursive: true });
    // The log first: then the database is newer than it.
    for (const end of ['-wal', '-shm', '']) copyFileSync(`${file}${end}`, path.join(there, `claude-mem.db${end}`));
    const node = await place.start('b', { live: false });
    await node.ensurePersonalSpace();
    expect(await memIds(node)).toEqual(['claude-mem']);
    await ask(node, 'sync', {});
    expect(await titlesInSpace(node)).toBe(4);
  });

  it('that holds all that there is, as a new worker leaves it', async () => {
    const made = database();
    made.sql.pragma('wal_autocheckpoint = 0');
    made.session('s');
    made.observation('s', 'one');
    const there = path.join(place.home('b'), '.claude-mem');
    mkdirSync(there, { recursive: true });
    for (const end of ['', '-wal']) copyFileSync(`${file}${end}`, path.join(there, `claude-mem.db${end}`));
    const node = await place.start('b', { live: false });
    await node.ensurePersonalSpace();
    expect(await memIds(node)).toEqual(['claude-mem']);
    await ask(node, 'sync', {});
    expect(await titlesInSpace(node)).toBe(1);
  });
});

describe('a log that is replaced while the node has it open', () => {
  /** A live node that has the database open, its worker gone. */
  async function watching(): Promise<SatchelNode> {
    const made = database();
    made.session('s');
    made.observation('s', 'one');
    const node = await place.start('a');
    await expect.poll(async () => await titlesInSpace(node)).toBe(1);
    made.sql.pragma('wal_checkpoint(PASSIVE)');
    made.observation('s', 'two');
    await expect.poll(async () => await titlesInSpace(node)).toBe(2);
    closed(made);
    return node;
  }

  it.each(['written over', 'replaced by another file'])(
    'and is another’s, %s: it says so, and reads on once it is moved away',
    async (how) => {
      const node = await watching();
      const log = anothersLog(Array.from({ length: 50 }, (_, index) => `theirs ${index}`));
      if (how === 'written over') writeFileSync(`${file}-wal`, readFileSync(log));
      else renameSync(log, `${file}-wal`);
      rmSync(`${file}-shm`, { force: true });
      await expect.poll(async () => (await sourceOf(node))?.state).toBe('failed');
      expect((await ask(node, 'status', {})).verdict).toContain('write-ahead log');
      expect(await memIds(node)).toEqual(['claude-mem.wal']);
      expect((await ask(node, 'sync', {})).spaces[0]?.not_carried).toMatchObject([{ path: file }]);
      await ask(node, 'claude-mem-repair', { check: 'wal', apply: true });
      // What only the log had that was written over is gone from the database, and from nowhere else before somebody says so.
      const isLost = how === 'written over';
      await expect.poll(async () => (await sourceOf(node))?.state).toBe(isLost ? 'older-state' : 'ok');
      const again = database();
      again.observation('s', 'saved since');
      const { pending } = await ask(node, 'pending', {});
      expect(pending.length).toBe(isLost ? 1 : 0);
      if (isLost) await ask(node, 'answer-pending', { answer: 'reject', ids: pending.map(({ id }) => id) });
      await expect.poll(() => titlesIn(again)).toEqual(expect.arrayContaining(['one', 'saved since', 'two']));
      await expect.poll(async () => (await sourceOf(node))?.state).toBe('ok');
      expect((await ask(node, 'sync', {})).spaces[0]?.not_carried).toEqual([]);
      again.check();
    },
  );

  it('and whose memory is left is told by doctor from damage', async () => {
    const node = await watching();
    writeFileSync(`${file}-wal`, readFileSync(anothersLog(Array.from({ length: 50 }, (_, index) => `theirs ${index}`))));
    const before = readFileSync(file);
    expect(await memIds(node)).toEqual(['claude-mem.wal']);
    expect(readFileSync(file).equals(before)).toBe(true);
    await expect.poll(async () => (await sourceOf(node))?.state).toBe('failed');
  });

  it('and is its own again, or none, it reads on by itself, and nothing is gone', async () => {
    const node = await watching();
    for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
    // What only the log had that has no name any more is in the database before a worker begins another one.
    await expect.poll(() => existsSync(`${file}-wal`)).toBe(true);
    await (await worker()).save('saved since');
    await expect.poll(async () => await titlesInSpace(node)).toBe(3);
    expect(await memIds(node)).toEqual(['claude-mem']);
    expect((await ask(node, 'pending', {})).pending).toEqual([]);
    await place.stop('a');
    const left = database();
    expect(titlesIn(left)).toEqual(['one', 'saved since', 'two']);
    left.check();
  });
});

it('what a command without a node asks, doctor and a repair that is only shown, captures nothing and writes nothing', async () => {
  await carried();
  const killed = await worker();
  await killed.save('saved since');
  await killed.kill();
  await place.write('a', 'written since');
  const before = [file, `${file}-wal`].map((name) => readFileSync(name));
  const node = await place.start('a', { live: false });
  const position = async (): Promise<unknown> => {
    const [space] = (await ask(node, 'status', {})).spaces;
    return [space?.position, space?.drafts, space?.items];
  };
  const at = await position();
  expect(await memIds(node)).toEqual(['claude-mem']);
  expect((await ask(node, 'claude-mem-repair', {})).repairs).toEqual([]);
  expect(await position()).toEqual(at);
  expect([file, `${file}-wal`].map((name) => readFileSync(name))).toEqual(before);
  await ask(node, 'sync', {});
  expect(await position()).not.toEqual(at);
});
