import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import Database from 'better-sqlite3';
import type { SpaceId } from '../../src/core/ids.ts';
import { IndexDamaged } from '../../src/core/ports/text-index.ts';
import { openTextIndex } from '../../src/store/text-index/sqlite-text-index.ts';
import { describeTextIndex } from './text-index.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-index-'));
});
afterAll(() => rm(root, { recursive: true }));

describeTextIndex('SQLite', async () => {
  const folder = await mkdtemp(path.join(root, 'i-'));
  return { open: async () => openTextIndex(path.join(folder, 'index.db')), remove: () => rm(folder, { recursive: true }) };
});

it('is for its user alone', async () => {
  const file = path.join(root, 'modes.db');
  const index = openTextIndex(file);
  await index.write('a'.repeat(64) as SpaceId, []);
  for (const each of [file, `${file}-wal`]) expect((await stat(each)).mode & 0o777).toBe(0o600);
  await index.close();
});

it('says that it is damaged where it is no database, of another version, or torn', async () => {
  const file = path.join(root, 'damaged.db');
  await writeFile(file, 'this is no database at all'.repeat(1_000));
  expect(() => openTextIndex(file)).toThrow(IndexDamaged);

  const other = path.join(root, 'other.db');
  await openTextIndex(other).close();
  const database = new Database(other);
  database.pragma('user_version = 999');
  database.close();
  expect(() => openTextIndex(other)).toThrow(IndexDamaged);

  const torn = path.join(root, 'torn.db');
  const index = openTextIndex(torn);
  const passage = {
    shelf: 'memories',
    type: 'x',
    project: null,
    session: null,
    time: 1,
    title: '',
    start: 0,
    length: 1,
    tags: '',
  } as const;
  const held = { item: { kind: 'text', name: 'a' }, digest: 'd', bytes: 0, prefix: '', machine: null, changed: null, isUnsettled: false };
  const space = 'a'.repeat(64) as SpaceId;
  await index.write(space, [{ type: 'put', held, keep: 0, passages: [{ ...passage, text: 'words '.repeat(9) }] }]);
  await index.close();
  const raw = new Database(torn);
  raw.unsafeMode();
  raw.exec("update words_data set block = x'00ff00ff00ff'");
  raw.close();
  const again = openTextIndex(torn);
  await expect(again.search([{ text: 'words', isPhrase: false }], { match: 'all', filter: {}, limit: 1 })).rejects.toThrow(IndexDamaged);
  await again.close();
});
