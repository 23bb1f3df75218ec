import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { CompiledQuery } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { revisionOf } from '../../core/change.ts';
import type { Piece } from '../../core/content.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { hexToBytes, type ContentDigest, type ObjectId, type SpaceId } from '../../core/ids.ts';
import type { HistoryEntry } from '../../core/ports/store.ts';
import { encodeContent } from '../content-codec.ts';
import { feedMigration } from '../feed-migration.ts';
import { firstMigration } from '../first-migration.ts';
import { migrate } from '../migrations.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { openSqliteFile } from './sqlite-file.ts';
import { createSqliteKysely } from './sqlite-kysely.ts';
import { createSqliteStore } from './sqlite-store.ts';

const SPACE = sha256Hex('space') as SpaceId;
const SESSION = { kind: 'transcript', name: 'projects/p/session.jsonl' };

const pieces = (count: number): Piece[] =>
  Array.from({ length: count }, (_, n) => ({ object: sha256Hex(`piece ${n}`) as ObjectId, keyId: 1, offset: 0, length: 2_000 }));

/** A body of 100 pieces, and so many lines behind it. */
function grown(lines: number): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (let line = 0; line <= lines; line += 1) {
    const base = entries.at(-1)?.revision ?? null;
    const content = { digest: sha256Hex(`at ${line}`) as ContentDigest, size: line, attributes: {}, pieces: pieces(100 + line) };
    const revision = revisionOf(SESSION, base, content.digest);
    entries.push({ item: SESSION, revision, base, type: line === 0 ? 'put' : 'append', position: line + 1, index: 0, content });
  }
  return entries;
}

describe('history in SQLite', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'satchel-history-'));
    path = join(folder, 'store.db');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('that a version before this one wrote whole stays as it is, and goes on', async () => {
    const entries = grown(20);
    const database = openSqliteFile(path);
    const db = createSqliteKysely(database);
    await migrate(db, sqliteDialect, [firstMigration, feedMigration], path);
    database.prepare('insert into spaces values (1, ?)').run(hexToBytes(SPACE));
    const insert = database.prepare('insert into history values (1, ?, 0, ?, ?, ?, ?, ?, ?)');
    for (const [at, { position, item, revision, base, content }] of entries.slice(0, 10).entries()) {
      const type = at === 0 ? 0 : 1;
      const below = base === null ? null : hexToBytes(base);
      insert.run(position, item.kind, item.name, hexToBytes(revision), below, type, content === null ? null : encodeContent(content));
    }
    await db.destroy();

    const store = await createSqliteStore({ path });
    const history = () => store.read((tx) => tx.items.history(SPACE, SESSION, { limit: 100 }));
    expect(await history()).toEqual(entries.slice(0, 10).toReversed());
    for (const entry of entries.slice(10)) await store.write((tx) => tx.items.addHistory(SPACE, [entry]));
    expect(await history()).toEqual(entries.toReversed());
    await store.close();
    const after = new Database(path);
    const lengths = after.prepare<[], number>('select length(content) from history order by position').pluck().all();
    after.close();
    expect(Math.min(...lengths.slice(0, 10))).toBeGreaterThan(3_000);
    expect(Math.max(...lengths.slice(10))).toBeLessThan(200);
  });

  it('goes on behind an entry that was damaged, and gives out no other pieces for it', async () => {
    const entries = grown(20);
    let store = await createSqliteStore({ path });
    for (const entry of entries.slice(0, 10)) await store.write((tx) => tx.items.addHistory(SPACE, [entry]));
    await store.close();
    const beside = new Database(path);
    const other = beside.prepare('select content from history where position = 8').pluck().get();
    beside.prepare('update history set content = ? where position = 9').run(other);
    beside.prepare(`update history set content = x'00' where position = 10`).run();
    beside.close();
    store = await createSqliteStore({ path });
    for (const entry of entries.slice(10)) await store.write((tx) => tx.items.addHistory(SPACE, [entry]));
    const find = (at: number) => store.read((tx) => tx.items.findRevision(SPACE, entries[at]?.revision as string));
    for (const at of [0, 7, 10, 11, 20]) expect(await find(at)).toEqual([entries[at]]);
    for (const at of [8, 9]) await expect(find(at)).rejects.toThrow('store verify');
    await store.close();
  });

  it('finds what is added to by indexes alone, however much there is', async () => {
    const queries = new Map<string, CompiledQuery>();
    const store = await createSqliteStore({ path, queries });
    const entries = grown(20);
    for (const entry of entries) await store.write((tx) => tx.items.addHistory(SPACE, [entry]));
    expect(await store.read((tx) => tx.items.history(SPACE, SESSION, { limit: 1 }))).toEqual(entries.slice(-1));
    await store.close();
    const after = new Database(path);
    for (const [name, looksUp] of [
      ['history base', /^SEARCH history USING INDEX history_revision \(space=\? AND revision=\?\)$/],
      ['history chain', /^SEARCH history USING PRIMARY KEY \(space=\? AND position=\? AND ordinal=\?\)$/],
    ] as const) {
      const { sql, parameters } = queries.get(name) as CompiledQuery;
      const plan = after.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(...parameters);
      const looked = plan.map(({ detail }) => detail).filter((detail) => detail.includes('history'));
      expect(looked.length).toBeGreaterThan(0);
      for (const detail of looked) expect(detail).toMatch(looksUp);
    }
    after.close();
  });
});
