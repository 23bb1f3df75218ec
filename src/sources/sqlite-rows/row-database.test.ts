import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestClock } from '../../../tests/contracts/test-clock.ts';
import { claudeMemProfile } from '../claude-mem/claude-mem-profile.ts';
import { flushLog } from './flush-log.ts';
import { isAllowedHere } from './open-here.ts';
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
  const database = createRowDatabase(file, claudeMemProfile({ toolUses: false }), createTestClock(), { flush });
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

it('lets go of files that were replaced under it, and copies nothing back into the database by that', async () => {
  worker.close();
  const other = path.join(folder, 'other.db');
  const theirs = new Database(other);
  theirs.pragma('journal_mode = WAL');
  theirs.exec('CREATE TABLE sdk_sessions (id INTEGER PRIMARY KEY, content_session_id TEXT, more TEXT)');
  for (const replace of ['written over', 'another file']) {
    const refusals: (string | null)[] = [null];
    const database = createRowDatabase(file, claudeMemProfile({ toolUses: false }), createTestClock(), {
      mayNotOpen: () => refusals.at(-1) ?? null,
    });
    expect(database.look()).toBe('opened');
    await insert(database);
    expect(database.look()).toBe('same');
    const before = readFileSync(file);
    if (replace === 'written over') writeFileSync(`${file}-wal`, readFileSync(`${other}-wal`));
    else {
      copyFileSync(`${other}-wal`, `${file}-new`);
      renameSync(`${file}-new`, `${file}-wal`);
    }
    rmSync(`${file}-shm`);
    await expect(insert(database)).rejects.toThrow('replaced');
    refusals.push('it is of another one');
    expect(() => database.look()).toThrow('it is of another one');
    expect(database.identity()).toBeNull();
    expect(readFileSync(`${file}-wal`)).toEqual(readFileSync(`${other}-wal`));
    // What only the log had that has no name any more was copied back; of one that was written over nothing is left.
    expect(readFileSync(file).equals(before)).toBe(replace === 'written over');
    rmSync(`${file}-wal`);
    rmSync(`${file}-shm`, { force: true });
    refusals.push(null);
    expect(database.look()).toBe('opened');
    database.close();
  }
  theirs.close();
  worker = new Database(file);
  expect([count(), worker.pragma('integrity_check', { simple: true })]).toEqual([1, 'ok']);
});

it('knows what it was allowed to open, until one of the files is another', async () => {
  const unasked = open(flushLog);
  expect(isAllowedHere(file)).toBe(false);
  unasked.close();
  const database = createRowDatabase(file, claudeMemProfile({ toolUses: false }), createTestClock(), { mayNotOpen: () => null });
  expect(isAllowedHere(file)).toBe(false);
  database.look();
  await insert(database);
  expect(isAllowedHere(file)).toBe(true);
  for (const part of ['', '-wal', '-shm']) {
    renameSync(file + part, `${file}-moved`);
    expect(isAllowedHere(file)).toBe(false);
    copyFileSync(`${file}-moved`, file + part);
    expect(isAllowedHere(file)).toBe(false);
    renameSync(`${file}-moved`, file + part);
    expect(isAllowedHere(file)).toBe(true);
  }
  database.close();
  expect(isAllowedHere(file)).toBe(false);
});

it('keeps what is open while others begin the log anew, whoever of them does', async () => {
  const database = open(flushLog);
  const another = new Database(file);
  for (const how of ['RESTART', 'TRUNCATE', 'PASSIVE', 'RESTART']) {
    for (const connection of [worker, another]) {
      connection.exec("INSERT INTO sdk_sessions (content_session_id) VALUES ('theirs')");
      connection.pragma(`wal_checkpoint(${how})`);
      expect(database.look()).toBe('same');
      await insert(database);
    }
  }
  expect(count()).toBe(16);
  another.close();
  database.close();
});
