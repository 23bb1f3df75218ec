import Database from 'better-sqlite3';
import { decodeRow, sameValue, type Row, type RowValue } from '../../kinds/rows/row-body.ts';
import type { RowsLimits, RowsMemory } from './context.ts';
import { lookForNew, type NewHere } from './new-here.ts';
import type { RowDatabase } from './row-database.ts';
import { noteOf, type Place } from './row-index.ts';
import { formOf } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';
import { foundName } from './unnoted-rows.ts';

/** A row that is to be written, with all that is needed to do it in one go. */
export interface RowTask {
  readonly name: string;
  readonly table: string;
  /** Where it stands now. */
  readonly place: Place | null;
  /** As it was stored; `null`: it is to be removed. */
  readonly body: Uint8Array | null;
  readonly problem: RowProblem | null;
  /** It is durably known that it is about to be written. */
  readonly isNoted: boolean;
}

/** Why a row cannot be written now, or at all here. */
export interface RowProblem {
  readonly type: 'waits' | 'not-here';
  readonly reason: string;
}

/** What writing needs to know. */
export interface WriteContext {
  readonly database: RowDatabase;
  readonly memory: Pick<RowsMemory, 'index' | 'seenTo'>;
  readonly limits: Pick<RowsLimits, 'batchRows'>;
}

export type WriteResult =
  | { readonly type: 'put'; readonly local: string; readonly place: Place }
  | { readonly type: 'removed' }
  /** It changed here since. */
  | { readonly type: 'capture-first' }
  /** It was to be removed, and rows here still refer to it, as it stands at this place. */
  | { readonly type: 'revived'; readonly place: Place }
  /** It would not be known again by its natural key: what is about to be written has to be noted before. */
  | { readonly type: 'note-first' }
  | { readonly type: 'waits'; readonly reason: string; readonly parent: string | null }
  | { readonly type: 'not-here'; readonly reason: string };

export interface Written {
  /** One for each row, in their order. */
  readonly results: readonly WriteResult[];
  /** Up to which rowid every row of a table is known now. */
  readonly seenTo: ReadonlyMap<string, number>;
}

type Tables = ReadonlyMap<string, TableAccess>;

/** Writes a batch in one transaction. What cannot be written is said; the rest is. */
export async function writeRows(context: WriteContext, batch: readonly RowTask[]): Promise<Written> {
  const { database } = context;
  return database.write(() => {
    const tables = database.tables();
    const places = new Map<string, Place>();
    const newHere = lookForNew(context, tables);
    const results: WriteResult[] = [];
    const attempt = (index: number, work: () => WriteResult): void => {
      try {
        const result = work();
        if (result.type === 'put') places.set(result.place.name, result.place);
        results[index] = result;
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === null) throw error;
        results[index] = refusal;
      }
    };
    const together: NewRow[] = [];
    const insertTogether = (): void => {
      const rows = together.splice(0);
      const rowids = rows.length >= FEW ? allOrNone(rows) : null;
      for (const [at, { index, task, access, values }] of rows.entries())
        attempt(index, () => putAt(access, task, rowids?.[at] ?? access.insert(values)));
    };
    for (const [index, task] of batch.entries()) {
      const access = tables.get(task.table);
      const isPlain = task.place === null && task.body !== null && access?.shape.profile.standIns === null;
      if (!isPlain || together[0]?.task.table !== task.table) insertTogether();
      attempt(index, () => {
        const made = writeRow(context, tables, places, newHere, task);
        if (made.type !== 'new') return made;
        if (!isPlain) return putAt(made.access, task, made.access.insert(made.values));
        if (together.length >= TOGETHER || columnsOf(together[0]) !== columnsOf(made)) insertTogether();
        together.push({ ...made, index, task });
        return PENDING;
      });
    }
    insertTogether();
    const seenTo = new Map<string, number>();
    for (const { table, rowid } of places.values()) {
      if (!newHere.tables.has(table)) seenTo.set(table, Math.max(rowid ?? 0, seenTo.get(table) ?? context.memory.seenTo.get(table) ?? 0));
    }
    return { results, seenTo };
  });
}

/** A row that is to be inserted. */
interface Insertion {
  readonly access: TableAccess;
  readonly values: ReadonlyMap<string, RowValue | null>;
}

interface NewRow extends Insertion {
  readonly index: number;
  readonly task: RowTask;
}

/** With each statement FTS5 writes what it gathered of the one before: many rows of one take half the time. */
const TOGETHER = 100;
/** Fewer are not worth a statement of their own. */
const FEW = 4;
/** Stands for a row until those with it are inserted. */
const PENDING: WriteResult = { type: 'capture-first' };

function columnsOf(row: Insertion | undefined): string {
  return row === undefined ? '' : [...row.values.keys()].join();
}

/** `null` where the database does not take all of them. */
function allOrNone(rows: readonly NewRow[]): number[] | null {
  try {
    const rowids = rows[0]?.access.insertAll(rows.map(({ values }) => values)) ?? [];
    if (rowids.length !== rows.length) throw new Error('other rows were inserted than were to be');
    return rowids;
  } catch (error) {
    if (refusalOf(error) === null) throw error;
    return null;
  }
}

function putAt(access: TableAccess, { name, table }: RowTask, rowid: number): WriteResult {
  const { mask } = access.shape;
  const written = access.at(rowid);
  if (written === null) throw new Error('a row that was written is not there');
  const place: Place = { name, table, rowid, digest: written.digest, mask };
  return { type: 'put', local: noteOf(rowid, written.digest, mask), place };
}

function writeRow(
  context: WriteContext,
  tables: Tables,
  places: ReadonlyMap<string, Place>,
  newHere: NewHere,
  task: RowTask,
): WriteResult | (Insertion & { readonly type: 'new' }) {
  const { name, table, place, problem } = task;
  if (problem?.type === 'waits') return { type: 'waits', reason: problem.reason, parent: null };
  if (problem?.type === 'not-here') return { type: 'not-here', reason: problem.reason };
  const decoded = task.body === null ? null : decodeRow(task.body);
  if (decoded?.ok === false) return { type: 'not-here', reason: `it is not a row: ${decoded.error}` };
  const body = decoded?.value ?? null;
  const access = tables.get(table);
  const known = place === null || place.rowid === null ? null : (access?.at(place.rowid) ?? null);
  const current = known ?? (body === null || place !== null ? null : (access?.standInFor(body) ?? null));
  if (place !== null && current?.digest !== place.digest && !(body === null && current === null)) return { type: 'capture-first' };
  if (body === null) return remove(context.database.referring(), access, current, name);
  if (access === undefined) return { type: 'not-here', reason: 'the release of claude-mem here has no such table' };
  if (current === null && newHere.names.has(name)) return { type: 'capture-first' };
  if (current === null && !task.isNoted && foundName(access.shape, body) !== name) return { type: 'note-first' };

  const parent = parentOf(context, tables, places, access, body);
  if (parent.type === 'missing') return { type: 'waits', reason: 'the row that it refers to is not here', parent: parent.name };
  const form = formOf(body, access.shape, parent.value);
  if (current === null) {
    const values = new Map([...form].filter((entry): entry is [string, RowValue | null] => entry[1] !== undefined));
    return { type: 'new', access, values };
  }
  const changes = changesTo(access, current, form, body);
  if (changes.size > 0) {
    const referring = context.database.referring();
    if (referring.some(({ shape }) => shape.via !== null && changes.has(shape.via.equals))) context.database.deferReferences();
    access.update(current.rowid, changes);
    followers(referring, access, current, changes);
  }
  return putAt(access, task, current.rowid);
}

function remove(referring: readonly TableAccess[], access: TableAccess | undefined, current: FoundRow | null, name: string): WriteResult {
  if (access === undefined || current === null) return { type: 'removed' };
  const { profile, mask } = access.shape;
  const { id } = profile;
  for (const other of referring) {
    const { via } = other.shape;
    if (via === null || other.shape.profile.reference?.table !== id) continue;
    const value = access.valueAt(current.rowid, via.equals);
    if (value !== undefined && value !== null && other.countReferring(value) > 0)
      return { type: 'revived', place: { name, table: id, rowid: current.rowid, digest: current.digest, mask } };
  }
  access.remove(current.rowid);
  return { type: 'removed' };
}

type Parent = { readonly type: 'found'; readonly value: RowValue | null } | { readonly type: 'missing'; readonly name: string };

function parentOf({ memory }: WriteContext, tables: Tables, places: ReadonlyMap<string, Place>, { shape }: TableAccess, body: Row): Parent {
  const { reference } = shape.profile;
  const name = reference === null ? undefined : body.get(reference.key);
  if (reference === null || shape.via === null || typeof name !== 'string') return { type: 'found', value: null };
  const rowid = (places.get(name) ?? memory.index.of(name))?.rowid ?? null;
  const there = tables.get(reference.table);
  const value = rowid === null ? null : (there?.valueAt(rowid, shape.via.equals) ?? null);
  return value === null ? { type: 'missing', name } : { type: 'found', value };
}

/** Columns whose values are to be others. What a machine works out for itself stays as it was worked out, unless the body says it. */
function changesTo(
  access: TableAccess,
  current: FoundRow,
  form: ReadonlyMap<string, RowValue | null | undefined>,
  body: Row,
): Map<string, RowValue | null> {
  const { shape } = access;
  const changes = new Map<string, RowValue | null>();
  for (const { column, local, byDefault } of shape.columns) {
    const wanted = form.get(local) ?? byDefault ?? undefined;
    const now = current.row.get(column);
    const isOwn = column in shape.profile.derived && !body.has(column) && now !== undefined;
    if (!isOwn && !sameValue(wanted, now)) changes.set(local, wanted ?? null);
  }
  if (shape.via !== null) {
    const wanted = form.get(shape.via.column) ?? null;
    const now = access.valueAt(current.rowid, shape.via.column) ?? null;
    // A reference that the body does not know is the machine's own.
    if (wanted !== null && !sameValue(wanted, now ?? undefined)) changes.set(shape.via.column, wanted);
  }
  return changes;
}

/** Where a table does not do it by itself, rows that refer to a changed one refer to it still. */
function followers(
  referring: readonly TableAccess[],
  access: TableAccess,
  before: FoundRow,
  changes: ReadonlyMap<string, RowValue | null>,
): void {
  for (const other of referring) {
    const { via, profile } = other.shape;
    if (via === null || profile.reference?.table !== access.shape.profile.id || !changes.has(via.equals)) continue;
    const column = access.shape.columns.find(({ local }) => local === via.equals)?.column;
    const [from, to] = [column === undefined ? undefined : before.row.get(column), changes.get(via.equals)];
    if (from !== undefined && to !== undefined && to !== null) other.follow(from, to);
  }
}

/** What the database itself does not take: `null` for any other trouble. */
function refusalOf(
  error: unknown,
):
  | { readonly type: 'waits'; readonly reason: string; readonly parent: null }
  | { readonly type: 'not-here'; readonly reason: string }
  | null {
  if (!(error instanceof Database.SqliteError)) return null;
  // The message names columns, never values.
  if (error.code === 'SQLITE_CONSTRAINT_UNIQUE' || error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY')
    return { type: 'waits', reason: `another row here has its place (${error.message})`, parent: null };
  if (error.code.startsWith('SQLITE_CONSTRAINT'))
    return { type: 'not-here', reason: `the release of claude-mem here does not hold it (${error.message})` };
  return null;
}
