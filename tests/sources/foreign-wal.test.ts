import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { signOfForeignWal } from '../../src/sources/claude-mem-health/signs-of-foreign.ts';
import { readWalFrames } from '../../src/sources/claude-mem-health/wal-frames.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { MemDatabase, type MemSchema } from './mem-database.ts';

/**
 * Databases that live: two connections write, migrate and copy the log back while a third one reads now and then. Whatever log such a database
 * has when its programs are killed is its own; one that would do it harm is not.
 */
let folder: string;
const lives: Life[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'satchel-lives-'));
});
afterEach(() => {
  for (const life of lives.splice(0)) life.close();
  rmSync(folder, { recursive: true });
});

type Seeded = ReturnType<typeof createSeededRandom>;
const AUTOCHECKPOINTS = [0, 5, 50, 1_000];
const CHECKPOINTS = ['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'];
const TICK_MS = 1_000;
const MANY_CHANGES = 10;

class Life {
  readonly file: string;
  readonly #random: Seeded;
  readonly #name: string;
  readonly #schema: MemSchema;
  #connections: MemDatabase[] = [];
  #reader: Database.Database | null = null;
  #count = 0;
  #now = 1_760_000_000_000;

  constructor(name: string, random: Seeded, schema: MemSchema = '13.25.3') {
    this.file = path.join(folder, `${name}.db`);
    this.#name = name;
    this.#random = random;
    this.#schema = schema;
    this.#now += random.below(1_000_000) * 1_000;
    this.open();
    if (this.#one().get('SELECT count(*) FROM sdk_sessions') === 0) for (const id of ['s0', 's1', 's2']) this.#one().session(id);
    lives.push(this);
  }

  open(): void {
    for (let made = 0; made < 2; made += 1) {
      const connection = new MemDatabase(this.file, this.#schema);
      connection.sql.pragma('busy_timeout = 1');
      connection.sql.pragma(`wal_autocheckpoint = ${AUTOCHECKPOINTS[this.#random.below(AUTOCHECKPOINTS.length)]}`);
      this.#connections.push(connection);
    }
  }

  close(): void {
    this.#reader?.close();
    this.#reader = null;
    for (const connection of this.#connections.splice(0)) connection.close();
  }

  step(): void {
    try {
      this.#deed(this.#random.below(200));
    } catch (error) {
      // Another connection reads or writes: it did not happen.
      if (!(error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY'))) throw error;
    }
  }

  #deed(deed: number): void {
    const { sql } = this.#one();
    if (deed < 100) sql.transaction(() => this.#observe(1 + this.#random.below(5)))();
    else if (deed < 130) this.#one().prompt(this.#session(), (this.#count += 1), `do ${this.#name} ${this.#count}`, this.#when());
    else if (deed < 150) this.#one().summary(this.#session(), `${this.#name} ${(this.#count += 1)}`, this.#when());
    else if (deed < 165)
      this.#one().run('DELETE FROM observations WHERE id IN (SELECT id FROM observations WHERE id % 5 = ? LIMIT 4)', this.#random.below(5));
    else if (deed < 168) this.#one().run('DELETE FROM observations WHERE id > (SELECT max(id) - 10 FROM observations)');
    else if (deed < 184) this.#one().run(`UPDATE observations SET title = title || 'y' WHERE id % 7 = ?`, this.#random.below(7));
    else if (deed < 190) sql.pragma(`wal_checkpoint(${CHECKPOINTS[this.#random.below(CHECKPOINTS.length)]})`);
    else if (deed < 195) this.#readOrNot();
    else if (deed < 196) sql.exec('VACUUM');
    else if (deed < 197) sql.exec(`ALTER TABLE observations ADD COLUMN x${(this.#count += 1)} TEXT`);
    else {
      this.close();
      this.open();
    }
  }

  #observe(count: number): void {
    for (let made = 0; made < count; made += 1) {
      const narrative = 'x'.repeat(this.#random.below(3_000));
      this.#one().observation(this.#session(), `${this.#name} ${(this.#count += 1)}`, { ...this.#when(), narrative });
    }
  }

  /** Reads one state for a while: meanwhile a log is copied back in part. */
  #readOrNot(): void {
    if (this.#reader === null) {
      this.#reader = new Database(this.file);
      this.#reader.exec('BEGIN; SELECT count(*) FROM observations');
    } else {
      this.#reader.close();
      this.#reader = null;
    }
  }

  #when(): { created_at_epoch: number } {
    return { created_at_epoch: (this.#now += this.#random.below(TICK_MS)) };
  }

  #session(): string {
    return `s${this.#random.below(3)}`;
  }

  #one(): MemDatabase {
    return this.#connections[this.#random.below(this.#connections.length)] as MemDatabase;
  }
}

/** A database and a log as they stand now, elsewhere. */
function taken(database: string, log: string): string {
  const copy = path.join(folder, 'taken.db');
  for (const end of ['', '-wal', '-shm']) rmSync(`${copy}${end}`, { force: true });
  copyFileSync(database, copy);
  if (existsSync(log)) copyFileSync(log, `${copy}-wal`);
  return copy;
}

const hasLog = (file: string): boolean => existsSync(`${file}-wal`) && statSync(`${file}-wal`).size > 32;

function changesIn(log: string): number {
  const opened = openSync(log, 'r');
  try {
    return readWalFrames(opened)?.commits.length ?? 0;
  } finally {
    closeSync(opened);
  }
}

/** What opening them does to the database; edits that are undone are not told from edits. */
function harmOf(database: string, log: string): { readonly isDamaged: boolean; readonly lost: number } {
  const before = rowsOf(taken(database, ''));
  const copy = taken(database, log);
  try {
    const after = rowsOf(copy);
    return { isDamaged: false, lost: [...before].filter((row) => !after.has(row)).length };
  } catch {
    return { isDamaged: true, lost: 0 };
  }
}

function rowsOf(file: string): Set<string> {
  const database = new Database(file, { readonly: true });
  try {
    if (database.pragma('integrity_check(1)', { simple: true }) !== 'ok') throw new Error('damaged');
    return new Set(
      database
        .prepare<[], string>(
          `SELECT 'o' || id || ' ' || created_at_epoch FROM observations UNION ALL SELECT 'p' || id || ' ' || created_at_epoch FROM user_prompts
           UNION ALL SELECT 's' || id || ' ' || created_at_epoch FROM session_summaries`,
        )
        .pluck()
        .all(),
    );
  } finally {
    database.close();
  }
}

it('says of no log that killed programs left that it is another’s', () => {
  let asked = 0;
  for (let seed = 1; seed <= 8; seed += 1) {
    const random = createSeededRandom(`own ${seed}`);
    const life = new Life(`own-${seed}`, random, seed % 4 === 0 ? '9.0.0' : '13.25.3');
    for (let step = 0; step < 120; step += 1) {
      life.step();
      if (!random.chance(0.3) || !hasLog(life.file)) continue;
      asked += 1;
      expect([seed, step, signOfForeignWal(taken(life.file, `${life.file}-wal`))]).toEqual([seed, step, null]);
    }
    life.close();
  }
  expect(asked).toBeGreaterThan(150);
}, 60_000);

it('says it of a log of another database, of a copy that went on by itself, and of this one’s past, where rows or pages would go', () => {
  const seen = { another: 0, copy: 0, past: 0 };
  for (let seed = 1; seed <= 24; seed += 1) {
    const random = createSeededRandom(`foreign ${seed}`);
    const theirs = new Life(`theirs-${seed}`, random);
    for (let step = random.below(60); step > 0; step -= 1) theirs.step();
    const kind = seed % 2 === 0 ? 'copy' : 'another';
    const file = path.join(folder, `ours-${seed}.db`);
    if (kind === 'copy') {
      theirs.close();
      copyFileSync(theirs.file, file);
      theirs.open();
    }
    const ours = new Life(`ours-${seed}`, random);
    const past = path.join(folder, `past-${seed}`);
    for (let step = 20 + random.below(60); step > 0; step -= 1) {
      theirs.step();
      ours.step();
      // Of few changes an older log does not tell.
      if (random.chance(0.3) && hasLog(file) && changesIn(`${file}-wal`) >= MANY_CHANGES) copyFileSync(`${file}-wal`, past);
    }
    // What was made since.
    const last = new MemDatabase(file, '13.25.3');
    last.observation('s0', 'the last one', { created_at_epoch: 1_900_000_000_000 });
    ours.close();
    last.close();
    const logs = [
      ...(hasLog(theirs.file) ? [{ of: kind, log: `${theirs.file}-wal` } as const] : []),
      ...(existsSync(past) ? [{ of: 'past', log: past } as const] : []),
    ];
    for (const { of, log } of logs) {
      const harm = harmOf(file, log);
      if (!harm.isDamaged && harm.lost === 0) continue;
      seen[of] += 1;
      expect([seed, of, harm, signOfForeignWal(taken(file, log))]).toEqual([seed, of, harm, expect.any(String)]);
    }
    theirs.close();
  }
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(3);
}, 60_000);
