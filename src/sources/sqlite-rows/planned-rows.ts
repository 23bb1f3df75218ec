import type { Item } from '../../core/item.ts';
import { itemKey } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import type { Applied } from '../../core/replica/workspace.ts';
import type { Row } from '../../kinds/rows/row-body.ts';
import type { RowsContext } from './context.ts';
import { readRow } from './read-row.ts';
import type { ReadyRow } from './ready-rows.ts';
import { noteOf, plannedNoteOf, plannedOf, type Place } from './row-index.ts';
import type { PlannedRow } from './row-task.ts';
import { impliedRow, isSameRow, newBody } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';

/** So few new rows are written all or none. */
const FEW_ROWS = 500;

/**
 * Where the new rows of a batch are to stand, by item: noted before they are written. A row that its program changed while nobody looked is
 * known by its number then; by what it says now it would be another one. One look at the database.
 */
export async function planRows(
  { database, memory, profile }: RowsContext,
  batch: readonly ReadyRow[],
): Promise<ReadonlyMap<string, { readonly planned: PlannedRow; readonly note: string }>> {
  const withStandIns = new Set(profile.tables.flatMap(({ id, standIns }) => (standIns === null ? [] : [id])));
  // What was not taken the last time is tried before it is planned.
  const fresh = batch.filter(
    ({ outstanding: { item }, place, body, problem, table }) =>
      place === null && body !== null && problem === null && !withStandIns.has(table) && !memory.waiting.has(item.name),
  );
  const plan = new Map<string, { planned: PlannedRow; note: string }>();
  if (fresh.length === 0) return plan;
  const unused = fresh.length <= FEW_ROWS ? memory.leftUnused : 0;
  const ends = await database.read(
    () => new Map([...database.tables()].map(([id, access]) => [id, { last: access.lastRowid(), mask: access.shape.mask }])),
  );
  const firsts = new Map<string, number>();
  for (const { outstanding, table } of fresh) {
    const end = ends.get(table);
    if (end === undefined) continue;
    const last = Math.max(end.last, memory.plannedTo.get(table) ?? 0);
    const rowid = last + 1 + (firsts.has(table) ? 0 : unused);
    if (unused > 0 && !firsts.has(table)) firsts.set(table, rowid);
    memory.plannedTo.set(table, rowid);
    const planned = { rowid, first: firsts.get(table) ?? null };
    plan.set(outstanding.item.name, { planned, note: plannedNoteOf(planned, end.mask) });
  }
  return plan;
}

/**
 * Finds the rows that were about to be written when the process before this one ended: those that are there were put in place, whatever
 * became of them since, and so were those of which it is sure though they are gone. O(what was interrupted), once.
 */
export async function takeUpPlanned(context: RowsContext, tables: ReadonlyMap<string, TableAccess>): Promise<void> {
  const { memory, profile, workspace } = context;
  const views = memory.planned.splice(0);
  if (views.length === 0) return;
  const results: Applied[] = [];
  const gone: { readonly view: View; readonly place: Place }[] = [];
  const take = ({ item, intended }: View, place: Place): void => {
    results.push({ item, content: intended?.content ?? null, local: noteOf(place.rowid ?? 0, UNKNOWN_DIGEST, place.mask) });
    memory.index.set(place);
    memory.interrupted.delete(itemKey(item));
  };
  const leave = ({ item, shown }: View): void => void results.push({ item, content: shown, local: null });
  // Rows before those that refer to them.
  for (const { id } of profile.tables) {
    const access = tables.get(id);
    for (const view of views.filter(({ item }) => profile.tableOf(item.name) === id)) {
      const written = access === undefined ? null : await findWritten(context, access, view);
      if (written === null) leave(view);
      else if (written.isThere) take(view, written.place);
      else gone.push({ view, place: written.place });
    }
  }
  // Where nothing else is known of this database, that everything is gone says little.
  const isKnown = memory.index.size > 0;
  for (const { view, place } of gone) {
    if (isKnown) take(view, place);
    else leave(view);
  }
  await workspace.applied(results);
}

/** Of no row: it is compared with what was put in place. */
const UNKNOWN_DIGEST = '0'.repeat(16);

/** Where it was put, and whether it is there still; `null`: it was not, or nobody knows. */
async function findWritten(
  context: RowsContext,
  access: TableAccess,
  view: View,
): Promise<{ readonly place: Place; readonly isThere: boolean } | null> {
  const planned = plannedOf(view);
  const content = view.intended?.content ?? null;
  if (planned === null || content === null) return null;
  const { rowid, first, mask } = planned;
  const { found, isReached, wasPassed } = await context.database.read(() => ({
    found: access.at(rowid),
    isReached: first !== null && access.lastRowid() >= rowid,
    wasPassed: first !== null && access.has(first - 1),
  }));
  // The number before would be unused if it had been written.
  if (wasPassed) return null;
  const place: Place = { name: view.item.name, table: access.shape.profile.id, rowid, digest: '', mask };
  if (found === null) return isReached ? { place, isThere: false } : null;
  if (context.memory.index.at(place.table, rowid) !== undefined) return null;
  const body = await readRow(context, view.item, content);
  // What cannot be read was not compared; that the number is taken says enough.
  return body === null || isOf(context, access, view.item, body.row, found) ? { place, isThere: true } : null;
}

/** Whether a row is one that was put there as `body`, and not one that another program made under that number. */
function isOf({ memory, profile }: RowsContext, { shape }: TableAccess, item: Item, body: Row, found: FoundRow): boolean {
  const { reference } = shape.profile;
  const parent =
    reference === null || typeof found.parent !== 'number' ? null : (memory.index.at(reference.table, found.parent)?.name ?? null);
  const natural = shape.profile.nameOf(impliedRow(shape, newBody(shape, found.row, parent)));
  if (natural === item.name) return true;
  const isElsewhere = reference !== null && shape.via !== null && (body.get(reference.key) ?? null) !== parent;
  if (isElsewhere || !isSameRow(body, shape, found.row)) return false;
  // Others that were to be written with it may have come by themselves.
  return natural === null || !memory.interrupted.has(itemKey({ kind: profile.kind, name: natural }));
}
