import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';

export const MEM_SCHEMAS = [
  '9.0.0',
  '10.0.0',
  '11.0.0',
  '12.0.0',
  '12.6.0',
  '13.0.0',
  '13.10.0',
  '13.11.0',
  '13.12.0',
  '13.15.3',
  '13.25.3',
] as const;
export type MemSchema = (typeof MEM_SCHEMAS)[number];

type Cells = Record<string, string | number | null>;

/** A database of claude-mem, and a connection to it as a worker has one. */
export class MemDatabase {
  readonly file: string;
  readonly schema: MemSchema;
  readonly sql: Database.Database;
  readonly #columns = new Map<string, readonly string[]>();

  /** Made where it is not there. */
  constructor(file: string, schema: MemSchema) {
    this.file = file;
    this.schema = schema;
    this.sql = new Database(file, { timeout: 5_000 });
    this.sql.pragma('journal_mode = WAL');
    this.sql.pragma('synchronous = OFF');
    this.sql.pragma('foreign_keys = ON');
    if (this.sql.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sdk_sessions'").get() === undefined)
      this.sql.exec(readFileSync(new URL(`../fixtures/claude-mem/schema-${schema}.sql`, import.meta.url), 'utf8'));
  }

  columns(table: string): readonly string[] {
    const known = this.#columns.get(table) ?? (this.sql.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name);
    this.#columns.set(table, known);
    return known;
  }

  /** Inserts what of the cells this schema has. */
  insert(table: string, cells: Cells): number {
    const there = Object.entries(cells).filter(([column]) => this.columns(table).includes(column));
    const sql = `INSERT INTO ${table} (${there.map(([column]) => column).join()}) VALUES (${there.map(() => '?').join()})`;
    return Number(this.sql.prepare(sql).run(...there.map(([, value]) => value)).lastInsertRowid);
  }

  session(id: string, cells: Cells = {}): number {
    const at = 1_760_000_000_000;
    return this.insert('sdk_sessions', {
      content_session_id: id,
      memory_session_id: `m-${id}`,
      project: 'app',
      platform_source: 'claude',
      user_prompt: 'do it',
      started_at: new Date(at).toISOString(),
      started_at_epoch: at,
      prompt_counter: 1,
      ...cells,
    });
  }

  observation(session: string, title: string, cells: Cells = {}): number {
    const at = 1_760_000_001_000;
    const row: Cells = {
      memory_session_id: `m-${session}`,
      project: 'app',
      type: 'discovery',
      title,
      narrative: `about ${title}`,
      ...cells,
    };
    const hash = createHash('sha256').update([row['memory_session_id'] ?? '', row['title'] ?? '', row['narrative'] ?? ''].join('\0'));
    return this.insert('observations', {
      facts: '["a"]',
      concepts: '["b"]',
      files_read: '[]',
      files_modified: '[]',
      prompt_number: 1,
      discovery_tokens: 12,
      created_at: new Date(at).toISOString(),
      created_at_epoch: at,
      content_hash: hash.digest('hex').slice(0, 16),
      generated_by_model: 'm',
      agent_type: 'main',
      ...row,
    });
  }

  summary(session: string, request: string, cells: Cells = {}): number {
    const at = 1_760_000_002_000;
    return this.insert('session_summaries', {
      memory_session_id: `m-${session}`,
      project: 'app',
      request,
      learned: `learned ${request}`,
      created_at: new Date(at).toISOString(),
      created_at_epoch: at,
      ...cells,
    });
  }

  prompt(session: string, number: number, text: string, cells: Cells = {}): number {
    const at = 1_760_000_003_000 + number;
    const id = this.sql.prepare('SELECT id FROM sdk_sessions WHERE content_session_id = ?').pluck().get(session) as number | undefined;
    return this.insert('user_prompts', {
      session_db_id: id ?? null,
      content_session_id: session,
      prompt_number: number,
      prompt_text: text,
      created_at: new Date(at).toISOString(),
      created_at_epoch: at,
      ...cells,
    });
  }

  /** Old releases refuse observations of other types. */
  get hasFewTypes(): boolean {
    return this.get<string>("SELECT sql FROM sqlite_master WHERE name = 'observations'").includes('CHECK');
  }

  get<T>(sql: string, ...values: unknown[]): T {
    return this.sql
      .prepare(sql)
      .pluck()
      .get(...values) as T;
  }

  run(sql: string, ...values: unknown[]): void {
    this.sql.prepare(sql).run(...values);
  }

  /** All rows as far as two schemas hold them, without what belongs to one machine, sorted. */
  rows(other: MemDatabase = this, ignored: readonly string[] = []): Record<string, string[]> {
    return Object.fromEntries(
      TABLES.map((table) => {
        const columns = this.columns(table).filter(
          (column) => other.columns(table).includes(column) && ![...LOCAL, ...ignored].includes(column),
        );
        const names = columns.toSorted().map((column) => `t.${column}`);
        const parent =
          table === 'user_prompts' && this.columns(table).includes('session_db_id')
            ? ', (SELECT content_session_id FROM sdk_sessions s WHERE s.id = t.session_db_id) AS parent'
            : table === 'user_prompts'
              ? ', t.content_session_id AS parent'
              : '';
        const held =
          table === 'observations' && [this, other].some(({ hasFewTypes }) => hasFewTypes) ? ` WHERE t.type IN (${OLD_TYPES})` : '';
        const found = this.sql.prepare(`SELECT ${names.join()}${parent} FROM ${table} t${held}`).all();
        return [table, found.map((row) => JSON.stringify(row)).sort()];
      }),
    );
  }

  /** Throws where SQLite finds anything wrong, the full-text indexes included. */
  check(): void {
    const problems = [...(this.sql.pragma('integrity_check') as { integrity_check: string }[])].filter((r) => r.integrity_check !== 'ok');
    const references = this.sql.pragma('foreign_key_check') as unknown[];
    if (problems.length > 0 || references.length > 0) throw new Error(JSON.stringify({ problems, references }));
    for (const fts of ['observations_fts', 'session_summaries_fts', 'user_prompts_fts']) {
      if (this.get(`SELECT 1 FROM sqlite_master WHERE name = '${fts}'`) !== undefined)
        this.sql.exec(`INSERT INTO ${fts}(${fts}, rank) VALUES ('integrity-check', 1)`);
    }
  }

  close(): void {
    this.sql.close();
  }
}

const OLD_TYPES = "'decision', 'bugfix', 'feature', 'refactor', 'discovery', 'change'";
const TABLES = ['sdk_sessions', 'observations', 'session_summaries', 'user_prompts'];
const LOCAL = ['id', 'session_db_id', 'worker_port', 'relevance_count', 'synced_at', 'origin_device_id', 'origin_local_id', 'sync_rev'];
