import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { MemDatabase } from '../sources/mem-database.ts';
import type { BadDatabase } from './bad-uses.ts';

/** Puts it where claude-mem keeps its database in this home; gives what takes it away again. */
export function putBadDatabase(home: string, what: BadDatabase): () => void {
  const folder = path.join(home, '.claude-mem');
  const file = path.join(folder, 'claude-mem.db');
  mkdirSync(folder, { recursive: true });
  WAYS[what](file);
  return () => rmSync(folder, { recursive: true });
}

const WAYS: Readonly<Record<BadDatabase, (file: string) => void>> = {
  'a folder': (file) => mkdirSync(file),
  'no database': (file) => writeFileSync(file, 'no database '.repeat(1_000)),
  'another program’s': (file) => {
    const made = new Database(file);
    made.exec('CREATE TABLE notes (text TEXT)');
    made.close();
  },
  damaged: (file) => {
    closed(made(file));
    const bytes = readFileSync(file);
    bytes.fill(7, 4_096);
    writeFileSync(file, bytes);
  },
  'another log': (file) => {
    made(file).close();
    const other = made(`${file}.other`, 1_770_000_000_000);
    copyFileSync(`${file}.other-wal`, `${file}-wal`);
    other.close();
    rmSync(`${file}.other`);
  },
  'other columns': (file) => {
    const changed = made(file);
    changed.run('ALTER TABLE session_summaries RENAME COLUMN learned TO understood');
    closed(changed);
  },
};

/** As one file, beside which who only reads leaves nothing. */
function closed(database: MemDatabase): void {
  database.sql.pragma('journal_mode = DELETE');
  database.close();
}

function made(file: string, time = 1_760_000_000_000): MemDatabase {
  const database = new MemDatabase(file, '13.25.3');
  database.session('s');
  for (let row = 0; row < 5; row += 1) database.observation('s', `${time} ${row}`, { created_at_epoch: time + row });
  return database;
}
