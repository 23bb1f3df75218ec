import Database from 'better-sqlite3';
import { columnsOf } from './mem-tables.ts';

/** What a database says, as far as it takes to tell two states of it apart from two databases. */
export interface State {
  /** What SQLite finds wrong with it; `null`: nothing. What was read before it was found is here. */
  readonly problem: string | null;
  /** Its tables can be read, be their indexes of them or not. */
  readonly isWhole: boolean;
  /** How many tables there are at all. */
  readonly tables: number;
  /** By table and number. */
  readonly rows: ReadonlyMap<string, KnownRow>;
  /** The last number that each of the tables with rows gave out, also to rows that are gone. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Another number for other tables. */
  readonly schema: number;
}

/** What does not all change in a row, whoever edits it. */
interface KnownRow {
  /** `null`: of a session, which takes up what another one was known by. */
  readonly time: number | null;
  readonly words: string;
}

/** Of each table the time of its rows, and the columns that begin with what people read in them. */
const TABLES = {
  sdk_sessions: { time: null, words: ['content_session_id'] },
  observations: { time: 'created_at_epoch', words: ['title', 'text'] },
  session_summaries: { time: 'created_at_epoch', words: ['request', 'learned'] },
  user_prompts: { time: 'created_at_epoch', words: ['prompt_text'] },
} as const;
const WORDS_LENGTH = 100;

/** Reads a copy that nobody else has open; a log beside it stays as it is. O(its size). */
export function lookAtState(copy: string): State {
  const rows = new Map<string, KnownRow>();
  const numbers = new Map<string, number>();
  let [tables, schema] = [0, 0];
  let database: Database.Database | null = null;
  const state = (problem: string | null, isWhole: boolean): State => ({ problem, isWhole, tables, rows, numbers, schema });
  try {
    database = new Database(copy, { readonly: true, fileMustExist: true });
    tables = Number(database.prepare("SELECT count(*) FROM sqlite_master WHERE type = 'table'").pluck().get());
    schema = Number(database.pragma('schema_version', { simple: true }));
    if (columnsOf(database, 'sqlite_sequence').has('seq'))
      for (const { name, seq } of database.prepare<[], { name: string; seq: number }>('SELECT name, seq FROM sqlite_sequence').iterate())
        if (name in TABLES) numbers.set(name, seq);
    for (const [table, { time, words }] of Object.entries(TABLES)) {
      const columns = columnsOf(database, table);
      if (columns.size === 0) continue;
      const shown = words.filter((word) => columns.has(word)).map((word) => `substr(coalesce(${word}, ''), 1, ${WORDS_LENGTH})`);
      const says = shown.length === 0 ? "''" : shown.join(" || ' ' || ");
      const read = database.prepare<[], KnownRow & { readonly id: number }>(
        `SELECT id, ${time ?? 'NULL'} AS time, ${says} AS words FROM ${table}`,
      );
      for (const { id, time: at, words: text } of read.iterate()) rows.set(`${table} ${id}`, { time: at, words: text });
    }
    const problem = checkWith(database, 'integrity_check');
    return state(problem, problem === null || checkWith(database, 'quick_check') === null);
  } catch (error) {
    if (error instanceof Database.SqliteError) return state(error.message, false);
    throw error;
  } finally {
    database?.close();
  }
}

function checkWith(database: Database.Database, check: 'integrity_check' | 'quick_check'): string | null {
  const [line] = database.pragma(`${check}(1)`) as Readonly<Record<string, string>>[];
  return line?.[check] === 'ok' ? null : (line?.[check] ?? 'it cannot be read');
}
