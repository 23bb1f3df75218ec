import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSqliteStore, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { StoreUnusable } from '../../src/store/store-unusable.ts';
import { compileSource } from './killed-process.ts';
import { describeStoreContract, type StoreSubject } from './store.ts';

async function openInFolder(): Promise<StoreSubject> {
  const folder = await mkdtemp(join(tmpdir(), 'satchel-store-'));
  const path = join(folder, 'store.db');
  let open = await createSqliteStore({ path });
  return {
    store: open,
    async reopen() {
      await open.close();
      return (open = await createSqliteStore({ path }));
    },
    async historyBytes() {
      const beside = new Database(path, { readonly: true });
      try {
        return beside.prepare<[], number>('select coalesce(sum(length(content)), 0) from history').pluck().get() ?? 0;
      } finally {
        beside.close();
      }
    },
    async dispose() {
      await open.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function openInMemory(): Promise<StoreSubject> {
  const store = await createSqliteStore({ path: ':memory:' });
  return { store, dispose: () => store.close() };
}

describeStoreContract('sqlite', openInFolder);
describeStoreContract('sqlite in memory', openInMemory);

describe('sqlite store file', () => {
  let folder: string;
  let path: string;
  const open: SqliteStore[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'satchel-store-'));
    path = join(folder, 'new', 'store.db');
  });
  afterEach(async () => {
    for (const store of open.splice(0)) await store.close();
    await rm(folder, { recursive: true });
  });

  async function openStore(at = path): Promise<SqliteStore> {
    const store = await createSqliteStore({ path: at });
    open.push(store);
    return store;
  }

  it('has what was deleted leave the disk', async () => {
    const store = await createSqliteStore({ path });
    open.push(store);
    const said = 'what was said in confidence '.repeat(400);
    const kept = 'what goes on '.repeat(400);
    await store.write((tx) => tx.documents.put('notes', 'a', said));
    await store.write((tx) => tx.documents.put('notes', 'b', kept));
    await store.wipe(); // into the database, where it is deleted
    const bytes = async (): Promise<string> => {
      const files = await readdir(join(folder, 'new'));
      return (await Promise.all(files.map((name) => readFile(join(folder, 'new', name), 'latin1')))).join('');
    };
    expect(await bytes()).toContain('in confidence');
    await store.write((tx) => tx.documents.remove('notes', 'a'));
    await store.wipe();
    expect(await bytes()).not.toContain('in confidence');
    expect(await store.read((tx) => tx.documents.get('notes', 'b'))).toBe(kept);
  });

  it('is for its owner alone, side files too', async () => {
    const store = await openStore();
    await store.write((tx) => tx.documents.put('c', 'a', 1));
    const files = await readdir(join(folder, 'new'));
    expect(files.toSorted()).toEqual(['store.db', 'store.db-shm', 'store.db-wal']);
    for (const file of files) expect((await stat(join(folder, 'new', file))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'new'))).mode & 0o777).toBe(0o700);
  });

  it('goes on as before when it let go of what only saves work, between transactions', async () => {
    const store = await openStore();
    const write = (n: number) =>
      store.write(async (tx) => {
        await tx.documents.put('c', 'n', n);
        await Promise.resolve();
        return tx.documents.get('c', 'n');
      });
    expect(await Promise.all([write(1), store.shrink(), write(2), store.shrink()])).toEqual([1, undefined, 2, undefined]);
    expect(await store.read((tx) => tx.documents.get('c', 'n'))).toBe(2);
  });

  it('of a newer version is refused and left alone', async () => {
    await (await openStore()).close();
    const database = new Database(path);
    database.exec(`insert into migrations values (99, 'from the future')`);
    database.close();
    const refused = await createSqliteStore({ path }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreUnusable);
    expect(refused).toMatchObject({ reason: 'newer', message: expect.stringContaining('schema 99; this one knows') as string });
  });

  it('of another program is refused and left alone', async () => {
    path = join(folder, 'other.db');
    const database = new Database(path);
    database.exec('create table theirs (a)');
    database.close();
    await expect(createSqliteStore({ path })).rejects.toMatchObject({ name: 'StoreUnusable', reason: 'foreign' });
    const after = new Database(path);
    expect(after.prepare('select name from sqlite_master').pluck().all()).toEqual(['theirs']);
    after.close();
  });

  it('that is no database is refused with the way out', async () => {
    path = join(folder, 'text.db');
    await writeFile(path, 'this is a text file, and a long one at that. '.repeat(200));
    await expect(createSqliteStore({ path })).rejects.toMatchObject({ name: 'StoreUnusable', reason: 'damaged' });
  });

  it('is backed up while it is written to', async () => {
    const store = await openStore();
    await store.write((tx) => tx.documents.put('c', 'before', 1));
    const copying = store.backup(join(folder, 'copy.db'));
    for (let n = 0; n < 20; n++) await store.write((tx) => tx.documents.put('c', `during ${n}`, n));
    await copying;
    expect((await stat(join(folder, 'copy.db'))).mode & 0o777).toBe(0o600);
    await expect(store.backup(join(folder, 'copy.db'))).rejects.toMatchObject({ code: 'EEXIST' });
    const copy = await openStore(join(folder, 'copy.db'));
    expect(await copy.read((tx) => tx.documents.get('c', 'before'))).toBe(1);
    expect(await copy.verify()).toEqual([]);
  });

  it('is found sound, or damaged', async () => {
    const store = await openStore();
    expect(await store.verify()).toEqual([]);
    const database = new Database(path);
    database.pragma('foreign_keys = OFF');
    database.exec(`insert into drafts values (77, x'00', 1, x'00')`);
    database.close();
    expect(await store.verify()).toEqual([expect.stringContaining('drafts') as string]);
  });

  it('is shared with a second process that waits its turn', async () => {
    const [one, two] = [await openStore(), await openStore()];
    await Promise.all(
      [one, two].map(async (store, which) => {
        for (let n = 0; n < 20; n++) await store.write((tx) => tx.documents.put('c', `${which} ${n}`, n));
      }),
    );
    expect(await one.read((tx) => tx.documents.list('c'))).toHaveLength(40);
  });
});

const PROGRAM = `
import { writeSync } from 'node:fs';
import { createSqliteStore } from './out/store/sqlite/sqlite-store.js';
const [path, round] = process.argv.slice(2);
const store = await createSqliteStore({ path });
writeSync(1, 'begun\\n');
for (let n = 0; ; n++) {
  await store.write(async (tx) => {
    await tx.documents.put('left', round + ' ' + n, n);
    await tx.documents.put('right', round + ' ' + n, n);
  });
  writeSync(1, round + ' ' + n + '\\n');
}
`;

describe('a sqlite store whose process is killed', () => {
  it('has every transaction that it acknowledged, whole, and needs no repair', async () => {
    const source = compileSource(['store/sqlite/sqlite-store.ts']);
    const folder = await mkdtemp(join(tmpdir(), 'satchel-store-'));
    try {
      const acknowledged: string[] = [];
      for (let round = 0; round < 8; round++) {
        const lines = await source.runAndKill(PROGRAM, [join(folder, 'store.db'), String(round)], 20 + round * 13);
        acknowledged.push(...lines.filter((line) => line !== 'begun'));
        const store = await createSqliteStore({ path: join(folder, 'store.db') });
        const [left, right] = await store.read(async (tx) => [await tx.documents.list('left'), await tx.documents.list('right')] as const);
        expect(left).toEqual(right);
        const ids = new Set(left.map((each) => each.id));
        expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
        expect(await store.verify()).toEqual([]);
        await store.close();
      }
      expect(acknowledged.length).toBeGreaterThan(20);
    } finally {
      source.dispose();
      await rm(folder, { recursive: true });
    }
  });
});
