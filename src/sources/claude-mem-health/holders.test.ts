import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lookAtHolders } from './holders.ts';

/** What Linux tells of locks. */
const LOCKS = '/proc/locks';
let folder: string;
const open: Database.Database[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'satchel-holders-'));
});
afterEach(() => {
  for (const database of open.splice(0)) database.close();
  rmSync(folder, { recursive: true });
});

function opened(name: string): string {
  const file = path.join(folder, name);
  const database = new Database(file);
  open.push(database);
  database.pragma('journal_mode = WAL');
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  return file;
}

/** Locks of whoever shares the memory of a database's log. */
function locksOn(file: string): number {
  const { ino } = statSync(`${file}-shm`);
  return readFileSync(LOCKS, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`:${ino} `)).length;
}

it.skipIf(!existsSync(LOCKS))('leaves this process the locks of its other databases, where it has one whose log was moved away', () => {
  const ours = opened('store.db');
  const file = opened('claude-mem.db');
  renameSync(`${file}-wal`, path.join(folder, 'moved'));
  const before = locksOn(ours);
  expect(before).toBeGreaterThan(0);
  const holders = lookAtHolders(file);
  expect(holders.all()).toMatchObject([{ pid: process.pid }]);
  expect(holders.others()).toEqual([]);
  expect(locksOn(ours)).toBe(before);
});
