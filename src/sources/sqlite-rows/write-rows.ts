import Database from 'better-sqlite3';
import { sameValue, type Row, type RowValue } from '../../kinds/rows/row-body.ts';
import type { RowsContext } from './context.ts';
import { lookForNew, type NewHere } from './new-here.ts';
import type { ReadyRow } from './ready-rows.ts';
import { noteOf, type Place } from './row-index.ts';
import { formOf } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';

export type WriteResult = { readonly ready: ReadyRow } & (
  | { readonly type: 'put'; readonly local: string; readonly place: Place }
  | { readonly type: 'removed' }
  /** It changed here since. */
  | { readonly type: 'capture-first' }
  /** It was to be removed, and rows here still refer to it. */
  | { readonly type: 'revived' }
  | { readonly type: 'waits'; readonly reason: string; readonly parent: string | null }
  | { readonly type: 'not-here'; readonly reason: string }
);

export interface Written {
  readonly results: readonly WriteResult[];
  /** Up to which rowid every row of a table is known now. */
  readonly seenTo: ReadonlyMap<string, number>;
}

type Tables = ReadonlyMap<string, TableAccess>;

/** Writes a batch in one transaction. What cannot be written is said; the rest is. */
export async function writeRows(context: RowsContext, batch: readonly ReadyRow[]): Promise<Written> {
  const { database } = context;
  return database.write(() => {
    const tables = database.tables();
    const places = new Map<string, Place>();
    const newHere = lookForNew(context, tables);
    const results = batch.map((ready): WriteResult => {
      try {
        const result = writeRow(context, tables, places, newHere, ready);
        if (result.type === 'put') places.set(result.place.name, result.place);
        return result;
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === null) throw error;
        return { ready, ...refusal };
      }
    });
    const seenTo = new Map<string, number>();
    for (const { table, rowid } of places.values()) {
      if (!newHere.tables.has(table)) seenTo.set(table, Math.max(rowid ?? 0, seenTo.get(table) ?? context.memory.seenTo.get(table) ?? 0));
    }
    return { results, seenTo };
  });
}

function writeRow(
  context: RowsContext,
  tables: Tables,
  places: ReadonlyMap<string, Place>,
  newHere: NewHere,
  ready: ReadyRow,
): WriteResult {
  const { outstanding, place, body, problem } = ready;
  if (problem?.type === 'waits') return { ready, type: 'waits', reason: problem.reason, parent: null };
  if (problem?.type === 'not-here') return { ready, type: 'not-here', reason: problem.reason };
  const access = tables.get(ready.table);
  const known = place === null || place.rowid === null ? null : (access?.at(place.rowid) ?? null);
  const current = known ?? (body === null || place !== null ? null : (access?.standInFor(body) ?? null));
  if (place !== null && current?.digest !== place.digest && !(outstanding.content === null && current === null))
    return { ready, type: 'capture-first' };
  if (body === null) return remove(context.database.referring(), access, current, ready);
  if (access === undefined) return { ready, type: 'not-here', reason: 'the release of claude-mem here has no such table' };
  if (current === null && newHere.names.has(outstanding.item.name)) return { ready, type: 'capture-first' };

  const parent = parentOf(context, tables, places, access, body);
  if (parent.type === 'missing') return { ready, type: 'waits', reason: 'the row that it refers to is not here', parent: parent.name };
  const form = formOf(body, access.shape, parent.value);
  let rowid = current?.rowid ?? null;
  if (current === null) {
    rowid = access.insert(new Map([...form].filter((entry): entry is [string, RowValue | null] => entry[1] !== undefined)));
  } else {
    const changes = changesTo(access, current, form, body);
    if (changes.size > 0) {
      const referring = context.database.referring();
      if (referring.some(({ shape }) => shape.via !== null && changes.has(shape.via.equals))) context.database.deferReferences();
      access.update(current.rowid, changes);
      followers(referring, access, current, changes);
    }
  }
  const written = rowid === null ? null : access.at(rowid);
  if (written === null) throw new Error('a row that was written is not there');
  const { mask } = access.shape;
  const at: Place = { name: outstanding.item.name, table: ready.table, rowid: written.rowid, digest: written.digest, mask };
  return { ready, type: 'put', local: noteOf(written.rowid, written.digest, mask), place: at };
}

function remove(
  referring: readonly TableAccess[],
  access: TableAccess | undefined,
  current: FoundRow | null,
  ready: ReadyRow,
): WriteResult {
  if (access === undefined || current === null) return { ready, type: 'removed' };
  const { id } = access.shape.profile;
  for (const other of referring) {
    const { via, profile } = other.shape;
    if (via === null || profile.reference?.table !== id) continue;
    const value = access.valueAt(current.rowid, via.equals);
    if (value !== undefined && value !== null && other.countReferring(value) > 0) return { ready, type: 'revived' };
  }
  access.remove(current.rowid);
  return { ready, type: 'removed' };
}

type Parent = { readonly type: 'found'; readonly value: RowValue | null } | { readonly type: 'missing'; readonly name: string };

function parentOf({ memory }: RowsContext, tables: Tables, places: ReadonlyMap<string, Place>, { shape }: TableAccess, body: Row): Parent {
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
