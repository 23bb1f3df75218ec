import Database from 'better-sqlite3';
import { contentHash } from '../../kinds/claude-mem/content-hash.ts';
import { hasSync, OWN_COLUMNS, OWN_TABLES, selectOwnRows, type OwnRow, type OwnRowKind } from './own-rows.ts';

type Cell = string | number | null;

/** A row that this database's machine made, and what is to become of it. */
export interface OwnRowWish {
  readonly kind: OwnRowKind;
  /** Its number there. */
  readonly local: string;
  /** The highest revision at which its worker pushed it. */
  readonly revision: string;
  /** Decides by the row as it stands, inside the transaction. */
  readonly settle: (
    row: OwnRow,
  ) =>
    | { readonly type: 'keep' }
    | { readonly type: 'delete' }
    | { readonly type: 'update'; readonly cells: Readonly<Record<string, Cell>>; readonly isNews: boolean };
}

/** What became of a wish. `waits`: its worker has to send the row first, or the database did not take it. */
export type OwnRowOutcome = { readonly type: 'done' } | { readonly type: 'waits'; readonly reason: string };

/** Not on the worker's time: what is busy is tried again. Milliseconds. */
const BUSY = 50;

/**
 * Writes what a worker's own sync never applies: changes of rows that its own machine made. What the worker has not sent yet is left
 * alone. A row that is changed gets the next revision, so that no two states of it go by one; it counts as sent (its state is in the feed
 * already), unless something of it is news. One transaction, durable when it returns. Throws where the database cannot be opened or is busy.
 */
export function writeOwnRows(file: string, wishes: readonly OwnRowWish[]): OwnRowOutcome[] {
  const database = new Database(file, { fileMustExist: true, timeout: BUSY });
  try {
    database.pragma('foreign_keys = ON');
    database.pragma('synchronous = FULL');
    const able = new Set(Object.values(OWN_TABLES).filter((table) => hasSync(database, table)));
    const one = (wish: OwnRowWish): OwnRowOutcome => {
      if (!able.has(OWN_TABLES[wish.kind])) return { type: 'waits', reason: 'the database has no columns for sync' };
      try {
        // A savepoint: what one row meets is not the others' trouble.
        return database.transaction(() => writeOwnRow(database, wish))();
      } catch (error) {
        if (!(error instanceof Database.SqliteError) || error.code.startsWith('SQLITE_BUSY')) throw error;
        return { type: 'waits', reason: error.message };
      }
    };
    return database.transaction(() => wishes.map(one)).immediate();
  } finally {
    database.close();
  }
}

const DONE: OwnRowOutcome = { type: 'done' };

function writeOwnRow(database: Database.Database, { kind, local, revision, settle }: OwnRowWish): OwnRowOutcome {
  const table = OWN_TABLES[kind];
  const found = database.prepare<[string], OwnCells>(`${selectOwnRows(kind)} where t.origin_device_id is null and t.id = ?`).get(local);
  if (found === undefined) return DONE;
  const { own_id: id, own_rev: own, own_synced: synced, ...cells } = found;
  // Negative: its worker set it aside, and nobody was told of it.
  if (synced === null) return { type: 'waits', reason: 'claude-mem’s worker has to send what it has of it first' };
  if (synced < 0) return DONE;
  const change = settle({ kind, local, revision: own, cells });
  if (change.type === 'delete') database.prepare(`delete from ${table} where id = ?`).run(id);
  if (change.type !== 'update') return DONE;
  const written = Object.entries({ ...change.cells, ...hashed(database, id, cells, change.cells) });
  const columns = written.map(([column]) => column);
  const unknown = columns.find((column) => !OWN_COLUMNS[kind].includes(column));
  if (unknown !== undefined) throw new Error(`${table} has no column ${unknown}`);
  const next = String((BigInt(own) > BigInt(revision) ? BigInt(own) : BigInt(revision)) + 1n);
  const set = ['sync_rev = ?', ...columns.map((column) => `${column} = ?`), ...(change.isNews ? ['synced_at = null'] : [])].join(', ');
  database.prepare(`update ${table} set ${set} where id = ?`).run(next, ...written.map(([, value]) => value), id);
  return DONE;
}

type OwnCells = Record<string, unknown> & { readonly own_id: number; readonly own_rev: string; readonly own_synced: number | null };

/** The hash of an observation that is told by other words, unless another row has it: two of one hash keep each other out. */
function hashed(
  database: Database.Database,
  id: number,
  before: Readonly<Record<string, unknown>>,
  cells: Readonly<Record<string, Cell>>,
): Readonly<Record<string, Cell>> {
  if (!Object.hasOwn(cells, 'title') && !Object.hasOwn(cells, 'narrative')) return {};
  const now = { ...before, ...cells };
  const text = (column: string): string | null => (typeof now[column] === 'string' ? now[column] : null);
  const hash = contentHash(text('memory_session_id'), text('title'), text('narrative'));
  const other = database
    .prepare('select 1 from observations where memory_session_id = ? and content_hash = ? and id <> ?')
    .get(text('memory_session_id'), hash, id);
  return other === undefined ? { content_hash: hash } : {};
}
