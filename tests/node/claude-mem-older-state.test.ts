import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { until } from '../sources/disk-home.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

let place: Place;
const databases: MemDatabase[] = [];
beforeEach(async () => {
  place = await Place.create();
});
afterEach(async () => {
  await place.dispose();
  for (const db of databases.splice(0)) db.close();
});

function database(machine: string): MemDatabase {
  const root = path.join(place.home(machine), '.claude-mem');
  mkdirSync(root, { recursive: true });
  const db = new MemDatabase(path.join(root, 'claude-mem.db'), '13.25.3');
  databases.push(db);
  return db;
}

const titles = ({ sql }: MemDatabase): string[] => sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all() as string[];

interface Machines {
  readonly a: SatchelNode;
  readonly b: SatchelNode;
  readonly dbA: MemDatabase;
  readonly dbB: MemDatabase;
}

/** Machine b has a backup put in the place of its database, from before a row was edited, one deleted and one added. */
async function restored(): Promise<Machines> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee', trust_own: true });
  const [dbA, before] = [database('a'), database('b')];
  dbA.session('s');
  for (const [at, title] of ['one', 'two', 'three'].entries()) dbA.observation('s', title, { created_at_epoch: 1_760_000_000_000 + at });
  await ask(a, 'sync', {});
  await ask(b, 'sync', {});
  const backup = path.join(place.root, 'backup.db');
  before.run(`VACUUM INTO '${backup}'`);
  dbA.run("UPDATE observations SET title = 'one, edited' WHERE title = 'one'");
  dbA.run("DELETE FROM observations WHERE title = 'two'");
  dbA.observation('s', 'four', { created_at_epoch: 1_760_000_000_009 });
  await ask(a, 'sync', {});
  await ask(b, 'sync', {});
  expect(titles(before)).toEqual(['four', 'one, edited', 'three']);
  before.close();
  databases.splice(databases.indexOf(before), 1);
  await place.stop('b');
  for (const end of ['-wal', '-shm']) rmSync(`${before.file}${end}`, { force: true });
  copyFileSync(backup, before.file);
  const again = await place.start('b', { live: false });
  await ask(again, 'sync', {});
  await ask(a, 'sync', {});
  return { a, b: again, dbA, dbB: database('b') };
}

describe('an older state of claude-mem’s database', () => {
  it('is asked about, and a rejection has it as the space has it, with a copy of what it was', async () => {
    const { a, b, dbA, dbB } = await restored();
    expect(titles(dbA)).toEqual(['four', 'one, edited', 'three']);
    const { verdict, spaces } = await ask(b, 'status', {});
    expect(verdict).toContain('not running');
    expect(spaces[0]).toMatchObject({ pending: 1 });
    expect(spaces[0]?.sources.at(-1)).toMatchObject({
      state: 'older-state',
      detail:
        'another database, or an older state of this one, is in its place: 1 row says something else, 1 row is gone, 1 row that was deleted since is back',
    });
    const { checks } = await ask(b, 'doctor', {});
    expect(checks.find(({ id }) => id === 'source:claude-mem')).toMatchObject({
      result: 'fail',
      next_step: 'Which, and to answer: satchel pending',
    });
    const { pending } = await ask(b, 'pending', {});
    expect(pending).toMatchObject([
      { type: 'older-state', path: dbB.file, items: [{ change: 'changed' }, { change: 'removed' }, { change: 'new' }] },
    ]);
    expect(pending[0]?.what).toContain('changes 1 row everywhere to what it says, deletes 1 row that it lacks, brings back 1 row');

    const { copies, left } = await ask(b, 'answer-pending', { answer: 'reject', ids: [pending[0]?.id ?? ''] });
    expect(left).toBe(0);
    expect(titles(dbB)).toEqual(['four', 'one, edited', 'three']);
    expect(dbB.rows()).toEqual(dbA.rows());
    const copy = path.join(copies[0] ?? '', 'claude-mem.db');
    expect(existsSync(copy)).toBe(true);
    const kept = new Database(copy, { readonly: true });
    expect(kept.prepare('SELECT title FROM observations ORDER BY title').pluck().all()).toEqual(['one', 'three', 'two']);
    kept.close();
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    expect(titles(dbA)).toEqual(['four', 'one, edited', 'three']);
    expect((await ask(b, 'pending', {})).pending).toEqual([]);
    dbB.check();
  });

  it('goes everywhere where that is approved, by a node that runs', async () => {
    const { a, b, dbA, dbB } = await restored();
    await b.start();
    await expect.poll(async () => (await ask(b, 'pending', {})).pending.length).toBe(1);
    expect((await ask(b, 'status', {})).verdict).toMatch(
      /^Not syncing: another database, or an older state .*\. Which, and to answer: satchel pending/,
    );
    expect((await ask(b, 'answer-pending', { answer: 'approve', all: true })).copies).toEqual([]);
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    await until(() => titles(dbA).join() === 'one,three,two');
    expect(dbA.rows()).toEqual(dbB.rows());
    expect((await ask(b, 'pending', {})).pending).toEqual([]);
  });
});
