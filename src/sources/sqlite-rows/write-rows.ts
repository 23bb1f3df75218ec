import { lookForNew } from './new-here.ts';
import type { Place } from './row-index.ts';
import type { FoundRow } from './table-access.ts';
import type { PlannedRow, RowTask, WriteContext, WriteResult, Written } from './row-task.ts';
import { putAt, refusalOf, rowInTheWay, writeRow, type BatchState, type Insertion } from './write-row.ts';

/**
 * Writes a batch in one transaction (`more`: others follow at once, and it is durable with them). What cannot be written is said; the rest is, unless it was planned as a whole: then nothing is, where one
 * of the new rows cannot be.
 */
export async function writeRows(context: WriteContext, batch: readonly RowTask[], more = false): Promise<Written> {
  try {
    return await context.database.write(() => {
      const written = writeEach(context, batch);
      if (isTorn(batch, written.results)) throw new TornPlan(written.results);
      return written;
    }, more);
  } catch (error) {
    if (!(error instanceof TornPlan)) throw error;
    const again: WriteResult = { type: 'plan-again' };
    return { results: error.results.map((result) => (isWritten(result) ? again : result)), seenTo: new Map() };
  }
}

/** Takes back what was written of a plan of which not everything can be. */
class TornPlan extends Error {
  override readonly name = 'TornPlan';
  readonly results: readonly WriteResult[];
  constructor(results: readonly WriteResult[]) {
    super('not all of a plan could be written');
    this.results = results;
  }
}

function isTorn(batch: readonly RowTask[], results: readonly WriteResult[]): boolean {
  const planned = results.filter((_, index) => batch[index]?.planned?.first != null).map(({ type }) => type === 'put');
  return planned.includes(true) && planned.includes(false);
}

function isWritten({ type }: WriteResult): boolean {
  return type === 'put' || type === 'removed' || type === 'revived';
}

function writeEach(context: WriteContext, batch: readonly RowTask[]): Written {
  const { database, memory } = context;
  const tables = database.tables();
  const places = new Map<string, Place>();
  const newHere = lookForNew(context, tables);
  const state: BatchState = { tables, places, newHere, standing: new Set() };
  const lasts = new Map([...tables].map(([id, access]) => [id, access.lastRowid()]));
  const isFree = ({ rowid, first }: PlannedRow, table: string): boolean => {
    const last = lasts.get(table) ?? 0;
    return first === null ? rowid > last : first - 1 > last;
  };
  const results: WriteResult[] = [];
  const attempt = (index: number, work: () => WriteResult): void => {
    try {
      const result = work();
      if (result.type === 'put') places.set(result.place.name, result.place);
      results[index] = result;
    } catch (error) {
      const task = batch[index] as RowTask;
      const refusal = refusalOf(error, (columns) => rowInTheWay(context, state, task, columns));
      if (refusal === null) throw error;
      results[index] = refusal;
    }
  };
  const together: NewRow[] = [];
  const insertPart = (rows: readonly NewRow[]): void => {
    const written = rows.length >= FEW && allOrNone(rows) ? writtenOf(rows) : null;
    for (const { index, task, access, rowid, values } of rows)
      attempt(index, () => putAt(access, task, written === null ? access.insert(values, rowid) : (written.get(rowid) ?? rowid)));
  };
  const insertTogether = (): void => {
    const rows = together.splice(0);
    for (let at = 0, count = 0; at < rows.length; at += count) {
      const [
        {
          access,
          values: { size },
        },
      ] = rows.slice(at) as [NewRow];
      count = access.together(rows.length - at, size);
      insertPart(rows.slice(at, at + count));
    }
  };
  for (const [index, task] of batch.entries()) {
    const { planned } = task;
    if (planned === null || together[0]?.task.table !== task.table) insertTogether();
    attempt(index, () => {
      const made = writeRow(context, state, task);
      if (made.type !== 'new') return made;
      if (made.access.shape.profile.standIns !== null) return putAt(made.access, task, made.access.insert(made.values, null));
      // What was refused before is not noted each time that it is tried.
      if (planned === null) database.rehearse(() => made.access.insert(made.values, null));
      if (planned === null || !isFree(planned, task.table)) return { type: 'plan-again' };
      if (together.length >= TOGETHER || columnsOf(together[0]) !== columnsOf(made)) insertTogether();
      together.push({ ...made, rowid: planned.rowid, index, task });
      return PENDING;
    });
  }
  insertTogether();
  const seenTo = new Map<string, number>();
  for (const { table, rowid } of places.values()) {
    if (!newHere.tables.has(table)) seenTo.set(table, Math.max(rowid ?? 0, seenTo.get(table) ?? memory.seenTo.get(table) ?? 0));
  }
  return { results, seenTo };
}

interface NewRow extends Insertion {
  readonly rowid: number;
  readonly index: number;
  readonly task: RowTask;
}

/** With each statement FTS5 writes what it gathered of the one before: many rows of one take half the time. */
const TOGETHER = 500;
/** Fewer are not worth a statement of their own. */
const FEW = 4;
/** Stands for a row until those with it are inserted. */
const PENDING: WriteResult = { type: 'capture-first' };

function columnsOf(row: Insertion | undefined): string {
  return row === undefined ? '' : [...row.values.keys()].join();
}

/** Rows as they stand there now, which may not be what was written: a column has its own idea of what a number is. */
function writtenOf(rows: readonly NewRow[]): ReadonlyMap<number, FoundRow> {
  const [first] = rows;
  return new Map(first?.access.page(first.rowid - 1, rows.length).map((row) => [row.rowid, row]));
}

/** False where the database does not take all of them. */
function allOrNone(rows: readonly NewRow[]): boolean {
  try {
    rows[0]?.access.insertAll(rows);
    return true;
  } catch (error) {
    if (refusalOf(error, () => null) === null) throw error;
    return false;
  }
}
