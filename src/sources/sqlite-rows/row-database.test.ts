import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestClock } from '../../../tests/contracts/test-clock.ts';
import { claudeMemProfile } from '../claude-mem/claude-mem-profile.ts';
import { flushLog } from './flush-log.ts';
import { createRowDatabase, type RowDatabase } from './row-database.ts';

let folder: string;
let file: string;
let worker: Database.Database;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'satchel-rows-'));
  file = path.join(folder, 'claude-mem.db');
  worker = new Database(file);
  worker.pragma('journal_mode = WAL');
  worker.exec('CREATE TABLE sdk_sessions (id INTEGER PRIMARY KEY, content_session_id TEXT)');
});
afterEach(async () => {
  worker.close();
  await rm(folder, { recursive: true });
});

const count = (): unknown => worker.prepare('SELECT count(*) FROM sdk_sessions').pluck().get();

function open(flush: typeof flushLog): RowDatabase {
  const database = createRowDatabase(file, claudeMemProfile({ toolUses: false }), createTestClock(), undefined, undefined, flush);
  expect(database.look()).toBe('opened');
  return database;
}

const insert = (database: RowDatabase, more = false): Promise<unknown> =>
  database.write(
    () =>
      database
        .tables()
        .get('sessions')
        ?.insert(new Map([['content_session_id', 's']]), null),
    more,
  );

it('lets others read what was written before it is flushed, and has written it when it is', async () => {
  const seen: unknown[] = [];
  let release = (): void => undefined;
  const flushing = new Promise<void>((resolve) => (release = resolve));
  const database = open(async (of, isNew) => {
    seen.push([of, isNew, count()]);
    await flushing;
    await flushLog(of, isNew);
  });
  let isWritten = false;
  const writing = insert(database).then(() => (isWritten = true));
  await expect.poll(() => seen).toEqual([[file, true, 1]]);
  expect(isWritten).toBe(false);
  release();
  await writing;
  await insert(database, true);
  expect(seen.length).toBe(1);
  await insert(database);
  expect(seen.at(-1)).toEqual([file, false, 3]);
  database.close();
});

it('has not written what could not be flushed', async () => {
  const database = open(() => Promise.reject(new Error('EIO')));
  await expect(insert(database)).rejects.toThrow('EIO');
  database.close();
});

it('needs no log of its own where the database keeps none', async () => {
  worker.pragma('journal_mode = DELETE');
  const database = open(() => Promise.reject(new Error('there is no log')));
  await insert(database);
  expect(count()).toBe(1);
  database.close();
});

it('goes on after it gave its memory back, also where nothing is open', async () => {
  const database = open(flushLog);
  await insert(database);
  database.shrink();
  await insert(database);
  expect(await database.read(() => database.tables().get('sessions')?.lastRowid())).toBe(2);
  database.close();
  expect(() => database.shrink()).not.toThrow();
});
