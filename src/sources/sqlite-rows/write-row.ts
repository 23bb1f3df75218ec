import Database from 'better-sqlite3';
import { decodeRow, sameValue, type Row, type RowValue } from '../../kinds/rows/row-body.ts';
import type { NewHere } from './new-here.ts';
import { noteOf, type Place } from './row-index.ts';
import type { RowTask, WriteContext, WriteResult } from './row-task.ts';
import { formOf, impliedRow } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';

type Tables = ReadonlyMap<string, TableAccess>;

/** What is known inside the transaction that writes a batch. */
export interface BatchState {
  readonly tables: Tables;
  /** What the batch put, by name. */
  readonly places: ReadonlyMap<string, Place>;
  readonly newHere: NewHere;
  /** Names of rows of earlier that were found to stand there still. */
  readonly standing: Set<string>;
}

/** A row that is to be inserted. */
export interface Insertion {
  readonly access: TableAccess;
  readonly values: ReadonlyMap<string, RowValue | null>;
}

/** `at`: the row as it was read after it was written, or its number. */
export function putAt(access: TableAccess, { name, table }: RowTask, at: FoundRow | number): WriteResult {
  const { mask } = access.shape;
  const written = typeof at === 'number' ? access.at(at) : at;
  if (written === null) throw new Error('a row that was written is not there');
  const { rowid } = written;
  const place: Place = { name, table, rowid, digest: written.digest, mask };
  return { type: 'put', local: noteOf(rowid, written.digest, mask), place };
}

/** Writes one row inside the transaction, but for a new one, which is given back. */
export function writeRow(context: WriteContext, batch: BatchState, task: RowTask): WriteResult | (Insertion & { readonly type: 'new' }) {
  const { tables, newHere } = batch;
  const { name, table, place, problem } = task;
  if (problem?.type === 'waits') return { ...problem, type: 'waits', parent: null };
  if (problem?.type === 'not-here') return { type: 'not-here', reason: problem.reason };
  const decoded = task.body === null ? null : decodeRow(task.body);
  if (decoded?.ok === false) return { type: 'not-here', reason: `it is not a row: ${decoded.error}` };
  const body = decoded?.value ?? null;
  const access = tables.get(table);
  const known = place === null || place.rowid === null ? null : (access?.at(place.rowid) ?? null);
  const current = known ?? (body === null || place !== null ? null : (access?.standInFor(body) ?? null));
  if (place !== null && current?.digest !== place.digest && !(body === null && current === null)) return { type: 'capture-first' };
  if (body === null) return remove(context.database.referring(), tables, access, current, name);
  if (access === undefined) return { type: 'not-here', reason: 'the release of claude-mem here has no such table' };
  if (current === null && newHere.names.has(name)) return { type: 'capture-first' };

  const parent = parentOf(context, batch, access, body);
  if (parent.type === 'unknown') return { type: 'capture-first' };
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
    raiseBelow(referring, access, current.rowid, changes);
  }
  return putAt(access, task, current.rowid);
}

function remove(
  referring: readonly TableAccess[],
  tables: Tables,
  access: TableAccess | undefined,
  current: FoundRow | null,
  name: string,
): WriteResult {
  if (access === undefined || current === null) return { type: 'removed' };
  const { profile, mask } = access.shape;
  const { id } = profile;
  const needed = referring.filter((other) => {
    const { via } = other.shape;
    if (via === null || other.shape.profile.reference?.table !== id) return false;
    const value = access.valueAt(current.rowid, via.equals);
    return value !== undefined && value !== null && other.countReferring(value) > 0;
  });
  if (needed.length > 0) {
    const isGuarded = needed.every(({ shape }) => !tables.has(shape.profile.id));
    return { type: 'revived', place: { name, table: id, rowid: current.rowid, digest: current.digest, mask }, isGuarded };
  }
  access.remove(current.rowid);
  return { type: 'removed' };
}

/** `unknown`: something else stands in its place by now, or it is told otherwise in all that it could be known by. */
type Parent =
  | { readonly type: 'found'; readonly value: RowValue | null }
  | { readonly type: 'missing'; readonly name: string }
  | { readonly type: 'unknown' };

function parentOf({ memory }: WriteContext, { tables, places, standing }: BatchState, { shape }: TableAccess, body: Row): Parent {
  const { reference } = shape.profile;
  const name = reference === null ? undefined : body.get(reference.key);
  if (reference === null || shape.via === null || typeof name !== 'string') return { type: 'found', value: null };
  const put = places.get(name);
  const place = put ?? memory.index.of(name);
  const there = place === undefined ? undefined : tables.get(reference.table);
  const value = place?.rowid == null ? null : (there?.valueAt(place.rowid, shape.via.equals) ?? null);
  if (value === null || place === undefined) return { type: 'missing', name };
  if (put === undefined && !standing.has(name)) {
    if (there === undefined || !standsAt(there, place)) return { type: 'unknown' };
    standing.add(name);
  }
  return { type: 'found', value };
}

/** Whether a row stands where it was known, and not another one that got its number: of one that is gone and waits for an answer the place is kept. */
function standsAt(access: TableAccess, { name, rowid, digest }: Place): boolean {
  const found = rowid === null ? null : access.at(rowid);
  if (found === null) return false;
  const { shape } = access;
  const { reference, nameOf } = shape.profile;
  return found.digest === digest || (reference === null && nameOf(impliedRow(shape, found.row)) === name);
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

/** What rows tell of the one that they refer to is told otherwise. */
function raiseBelow(
  referring: readonly TableAccess[],
  access: TableAccess,
  rowid: number,
  changes: ReadonlyMap<string, RowValue | null>,
): void {
  for (const { revisions, shape: below } of referring) {
    const { via, profile } = below;
    if (revisions === null || via === null || profile.reference?.table !== access.shape.profile.id) continue;
    const isTold = access.shape.columns.some(({ column, local }) => changes.has(local) && profile.revisions?.ofParent.includes(column));
    const value = isTold ? (access.valueAt(rowid, via.equals) ?? null) : null;
    if (value !== null) revisions.raiseWith(via.column, value);
  }
}

/** Begins the reason of a row that waits since a column has to be unlike all others. */
const IN_THE_WAY = 'another row here has its place';

/** Whether something waits for that. */
export function isInTheWay({ reason }: { readonly reason: string }): boolean {
  return reason.startsWith(IN_THE_WAY);
}

/** What the database itself does not take: `null` for any other trouble. `other`: says which row has these columns' values already. */
export function refusalOf(
  error: unknown,
  other: (columns: readonly string[]) => string | null,
):
  | { readonly type: 'waits'; readonly reason: string; readonly parent: null }
  | { readonly type: 'not-here'; readonly reason: string }
  | null {
  if (!(error instanceof Database.SqliteError)) return null;
  // The message names columns, never values.
  if (error.code === 'SQLITE_CONSTRAINT_UNIQUE' || error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    const columns = [...error.message.matchAll(/\.(\w+)/g)].map(([, column]) => column ?? '');
    return { type: 'waits', reason: `${IN_THE_WAY} (${other(columns) ?? error.message})`, parent: null };
  }
  if (error.code.startsWith('SQLITE_CONSTRAINT'))
    return { type: 'not-here', reason: `the release of claude-mem here does not hold it (${error.message})` };
  return null;
}

/** Which row holds already what a task would write into these columns: its table and number, and the item that it is, where that is known. */
export function rowInTheWay(context: WriteContext, batch: BatchState, { table, body }: RowTask, columns: readonly string[]): string | null {
  const access = batch.tables.get(table);
  const row = body === null ? null : decodeRow(body);
  if (access === undefined || row?.ok !== true || columns.length === 0) return null;
  const parent = parentOf(context, batch, access, row.value);
  const form = formOf(row.value, access.shape, parent.type === 'found' ? parent.value : null);
  const rowid = access.rowidWith(new Map(columns.map((column) => [column, form.get(column) ?? null])));
  if (rowid === null) return null;
  const name = context.memory.index.at(table, rowid)?.name;
  return `number ${rowid} of ${access.shape.profile.table}, by ${columns.join(' and ')}${name === undefined ? '' : `: ${name}`}`;
}
