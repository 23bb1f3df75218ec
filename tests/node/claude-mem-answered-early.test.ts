import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** A database that was deleted, and about which was answered before its worker made the next one. */

let place: Place;
let file: string;
let node: SatchelNode;

beforeEach(async () => {
  place = await Place.create();
  file = path.join(place.home('a'), '.claude-mem', 'claude-mem.db');
  mkdirSync(path.dirname(file), { recursive: true });
  const made = new MemDatabase(file, '13.25.3');
  made.session('s');
  for (const title of ['one', 'two']) made.observation('s', title);
  node = await place.start('a');
  await expect.poll(titlesInSpace).toBe(2);
  made.close();
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
});
afterEach(() => place.dispose());

const titlesInSpace = async (): Promise<number> =>
  (await [...node.spaces.values()][0]!.replica.list({ prefix: 'claude-mem/observations/' })).length;

async function reject(): Promise<void> {
  const pending = async (): Promise<readonly { readonly id: string }[]> => (await ask(node, 'pending', {})).pending;
  await expect.poll(async () => (await pending()).length).toBe(1);
  await ask(node, 'answer-pending', { answer: 'reject', ids: [(await pending())[0]?.id ?? ''] });
}

const titlesIn = (made: MemDatabase): unknown => made.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all();

it('is written into the next one as soon as that is there', async () => {
  await reject();
  const made = new MemDatabase(file, '13.25.3');
  await expect.poll(() => titlesIn(made)).toEqual(['one', 'two']);
  expect((await ask(node, 'pending', {})).pending).toEqual([]);
  made.close();
});

it('is written into one that had no tables yet when it was answered', async () => {
  const begun = new Database(file);
  begun.pragma('journal_mode = WAL');
  begun.exec('CREATE TABLE schema_versions (id INTEGER PRIMARY KEY, version INTEGER, applied_at TEXT)');
  await reject();
  begun.exec('DROP TABLE schema_versions');
  const made = new MemDatabase(file, '13.25.3');
  await expect.poll(() => titlesIn(made)).toEqual(['one', 'two']);
  begun.close();
  made.close();
});

it('is written into one that its worker holds for itself when it is answered', async () => {
  const made = new MemDatabase(file, '13.25.3');
  made.run('BEGIN IMMEDIATE');
  const answered = reject();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  made.run('COMMIT');
  await answered;
  await expect.poll(() => titlesIn(made)).toEqual(['one', 'two']);
  made.close();
});
