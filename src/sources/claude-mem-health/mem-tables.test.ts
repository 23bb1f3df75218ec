import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countProjects } from '../claude-mem/project-counts.ts';
import { lookInto } from './mem-tables.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'satchel-mem-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('finds nothing where there is no database, or not even a folder for it', () => {
  for (const file of [path.join(folder, 'claude-mem.db'), path.join(folder, 'nowhere', 'claude-mem.db')]) {
    expect(lookInto(file, () => 'something')).toBeNull();
    expect([...countProjects(file)]).toEqual([]);
  }
});

it('says what is wrong with a file that is no database', () => {
  const file = path.join(folder, 'claude-mem.db');
  writeFileSync(file, 'this is no database, and long enough to be told from one'.repeat(10));
  expect(() => lookInto(file, (database) => database.prepare('SELECT 1 FROM sqlite_schema').all())).toThrow('not a database');
});
