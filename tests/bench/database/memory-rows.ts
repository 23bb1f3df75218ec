import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { createTextMaker, type TextMaker } from '../corpus-text.ts';
import { createSeededRandom, type SeededRandom } from '../seeded-random.ts';

export const MEM_FILE = 'claude-mem.db';
const SCHEMA = path.join('tests', 'fixtures', 'claude-mem', 'schema-13.25.3.sql');
const ROWS_PER_SESSION = 60;
const COMMIT_ROWS = 1_000;

/** A connection as claude-mem's worker has one; the database is made where it is not there. */
export function openMemories(file: string): Database.Database {
  const database = new Database(file, { timeout: 5_000 });
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = NORMAL');
  database.pragma('foreign_keys = ON');
  const isThere = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sdk_sessions'").get() !== undefined;
  if (!isThere) database.exec(readFileSync(schemaFile(), 'utf8'));
  return database;
}

/** The nearest one above: the bench runs compiled, elsewhere. */
function schemaFile(): string {
  for (let folder = path.dirname(fileURLToPath(import.meta.url)); ; folder = path.dirname(folder)) {
    const file = path.join(folder, SCHEMA);
    if (existsSync(file)) return file;
    if (folder === path.dirname(folder)) throw new Error(`no ${SCHEMA} here`);
  }
}

/** Adds sessions with their prompts, observations and summaries, in the likeness of what a worker saves. */
export class MemoryRows {
  readonly #database: Database.Database;
  readonly #random: SeededRandom;
  readonly #texts: TextMaker;
  readonly #seed: number;
  #time: number;

  constructor(database: Database.Database, seed: number) {
    this.#database = database;
    this.#seed = seed;
    this.#random = createSeededRandom(seed);
    this.#texts = createTextMaker(this.#random);
    this.#time = Date.UTC(2026, 0, 5, 9) + (seed % 1_000) * 86_400_000;
  }

  /** So many rows of all tables together, in transactions of a thousand. */
  add(rows: number): void {
    let left = rows;
    while (left > 0) {
      const now = Math.min(left, COMMIT_ROWS);
      this.#database.transaction(() => {
        for (let made = 0; made < now; made += Math.min(now - made, ROWS_PER_SESSION))
          this.#session(Math.min(now - made, ROWS_PER_SESSION));
      })();
      left -= now;
    }
  }

  /** One row is the session; of the others one in six a prompt, one in ten a summary. */
  #session(rows: number): void {
    const id = `s-${this.#seed}-${this.#random.hex(16)}`;
    const session = `m-${id}`;
    const at = this.#tick();
    const number = this.#insert('sdk_sessions', {
      ...{ content_session_id: id, memory_session_id: session, project: 'api', platform_source: 'claude' },
      ...{ user_prompt: this.#texts.prose(120), started_at: at.created_at, started_at_epoch: at.created_at_epoch, prompt_counter: rows },
    });
    for (let row = 1; row < rows; row += 1) {
      const own = { project: 'api', prompt_number: row, discovery_tokens: this.#random.int(100, 9_000), ...this.#tick() };
      if (row % 6 === 0) {
        const { created_at, created_at_epoch } = own;
        const prompt = { prompt_number: row, prompt_text: this.#texts.prose(300), created_at, created_at_epoch };
        this.#insert('user_prompts', { session_db_id: number, content_session_id: id, ...prompt });
      } else if (row % 10 === 1) this.#insert('session_summaries', { memory_session_id: session, ...own, ...this.#summary() });
      else this.#insert('observations', { memory_session_id: session, ...own, ...this.#observation(session) });
    }
  }

  #observation(session: string): Record<string, string> {
    const [title, narrative] = [this.#texts.prose(50), this.#texts.prose(700)];
    const hash = createHash('sha256').update([session, title, narrative].join('\0'));
    const facts = [1, 2, 3].map(() => this.#texts.prose(80));
    const files = [1, 2].map(() => `src/${this.#random.pick(['server', 'store', 'web'])}/part-${this.#random.int(0, 400)}.ts`);
    return {
      ...{ type: this.#random.pick(['discovery', 'bugfix', 'feature', 'change']), title, subtitle: this.#texts.prose(90), narrative },
      ...{ facts: JSON.stringify(facts), concepts: '["how-it-works","gotcha"]', files_read: JSON.stringify(files), files_modified: '[]' },
      ...{ content_hash: hash.digest('hex').slice(0, 16), generated_by_model: 'claude-haiku', agent_type: 'main' },
    };
  }

  #summary(): Record<string, string> {
    const prose = (bytes: number): string => this.#texts.prose(bytes);
    const parts = { request: prose(100), investigated: prose(300), learned: prose(400), completed: prose(200), next_steps: prose(150) };
    return { ...parts, files_read: '[]', files_edited: '[]' };
  }

  #tick(): { readonly created_at: string; readonly created_at_epoch: number } {
    this.#time += this.#random.int(1_000, 90_000);
    return { created_at: new Date(this.#time).toISOString(), created_at_epoch: this.#time };
  }

  #insert(table: string, cells: Record<string, string | number>): number {
    const names = Object.keys(cells);
    const sql = `INSERT INTO ${table} (${names.join()}) VALUES (${names.map(() => '?').join()})`;
    return Number(this.#database.prepare(sql).run(...Object.values(cells)).lastInsertRowid);
  }
}

const LOCAL = ['id', 'session_db_id', 'worker_port', 'relevance_count', 'synced_at', 'origin_device_id', 'origin_local_id', 'sync_rev'];
const TABLES = ['sdk_sessions', 'observations', 'session_summaries', 'user_prompts'];

/** What a database holds, without the numbers of one machine: rows and a digest by table. Throws where SQLite finds anything wrong. */
export function memoriesIn(file: string): Record<string, string> {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  try {
    const problems = [...(database.pragma('quick_check') as { quick_check: string }[])].filter((line) => line.quick_check !== 'ok');
    if (problems.length + (database.pragma('foreign_key_check') as unknown[]).length > 0) throw new Error(`${file} is not sound`);
    return Object.fromEntries(
      TABLES.map((table) => {
        const columns = (database.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name);
        const carried = columns.filter((column) => !LOCAL.includes(column)).toSorted();
        const rows = (database.prepare(`SELECT ${carried.join()} FROM ${table}`).raw().all() as unknown[][]).map((row) =>
          JSON.stringify(row),
        );
        return [table, `${rows.length} rows, ${createHash('sha256').update(rows.toSorted().join('\n')).digest('hex').slice(0, 16)}`];
      }),
    );
  } finally {
    database.close();
  }
}
