import type { CaptureReport } from '../../core/replica/workspace.ts';
import type { NamedReason, ScanReport } from '../file-tree/reports.ts';
import { takeAbsences } from './absences.ts';
import { createRowBatches, type RowBatches } from './capture-batches.ts';
import { breathe, ensureIndex, type RowsContext } from './context.ts';
import { isSameNote, noteOfFile } from './file-note.ts';
import { holdingBack } from './held-back.ts';
import { isBehindKnown, isBehindSeen } from './older-state.ts';
import { takeUpPlanned } from './planned-rows.ts';
import { goesOn, hasKnownRow } from './known-rows.ts';
import { beginReading, type Reading } from './read-beside.ts';
import { refreshScope, settleLeft } from './row-scope.ts';
import type { TableAccess } from './table-access.ts';
import { takeRows } from './take-rows.ts';

const PAGE_ROWS = 250;
/** More new rows than this at once are read page by page. */
const MANY_ROWS = 1_000;

/**
 * Captures what differs from the views. `whole`: compares every row; else new rows, the newest ones, and which rows are gone.
 * Never takes a missing or emptied database, or a mass of absences, for a wish. Cost: O(new rows) and 0.1 µs for each row there
 * is, or O(bytes of the database).
 */
export async function captureRound(context: RowsContext, options: { readonly whole: boolean }): Promise<ScanReport> {
  const { database, memory } = context;
  await takeUpNote(context);
  const standing = database.look();
  if (standing !== 'same') memory.isOther = true;
  if (standing === 'other' || standing === 'missing') memory.wentOn = false;
  await ensureIndex(context);
  const isRejudged = await refreshScope(context);
  const wasMissing = memory.state.type === 'root-missing';
  if (standing === 'missing') return noDatabase(context, 'the database is not there');
  const tables = database.tables();
  if (context.profile.tables.slice(0, 1).some(({ id }) => !tables.has(id))) return noDatabase(context, 'the database has no such tables');

  const shape = [...tables].map(([id, { shape }]) => `${id}:${shape.mask}`).join();
  await takeUpPlanned(context, tables);
  // Nor is what is new in it captured before somebody says what became of the rest: it would be all that is known of, the next time.
  if ((memory.isOther || wasMissing) && isAsked(context) && !(await isKnown(context, tables))) return noDatabase(context, ANOTHER);
  // As where a backup was read back into the file that is open.
  if (isBehindSeen(context, tables)) memory.isOther = true;
  let whole = isRejudged || options.whole || memory.isOther || wasMissing || memory.wholeVersion === null || memory.shape !== shape;
  if (memory.isOther) memory.seenTo.clear();
  if (isRejudged) for (const { id } of context.profile.tables) memory.index.unskip(id);
  const version = database.version();
  memory.again = false;
  if (whole) memory.skipped.clear();
  const isOther = memory.isOther || wasMissing;
  const isJudged = isOther && !memory.isTrusted && context.isJudged !== false && (memory.wasKnown || memory.index.size > 0);
  const batches = holdingBack(context, createRowBatches(context), isJudged, isJudged && isBehindKnown(context, tables));
  const seen = new Map<string, ReadonlySet<number>>();
  if (!whole) whole = !(await takeNewRows(context, tables, batches));
  if (!whole) await batches.send(); // new rows are on their way while it is looked whether others went
  if (whole) await takeAll(context, tables, batches, seen);
  const isEmptied = await takeAbsences(context, tables, whole ? seen : null, batches, isOther);
  const captured = await batches.finish();
  await settleLeft(context);
  await showMore(context);
  memory.version = version;
  if (whole && !isEmptied) {
    [memory.wholeVersion, memory.shape] = [version, shape];
    memory.isOther = false;
    memory.wentOn = false;
  }
  return report(context, captured);
}

/** All new rows of all tables, as they stand at one moment. False where they are too many for that. */
async function takeNewRows(context: RowsContext, tables: ReadonlyMap<string, TableAccess>, batches: RowBatches): Promise<boolean> {
  const { database, memory, limits } = context;
  const found = await database.read(() =>
    [...tables.values()].map((access) => {
      const from = memory.seenTo.get(access.shape.profile.id) ?? 0;
      const fresh = access.page(from, MANY_ROWS);
      const others = fresh.length < limits.newestRows ? access.before(from, limits.newestRows - fresh.length) : [];
      return { access, rows: [...others, ...fresh] };
    }),
  );
  if (found.some(({ rows }) => rows.length >= MANY_ROWS)) return false;
  for (const { access, rows } of found) {
    await takeRows(context, access, rows, batches);
    note(context, access, rows.at(-1)?.rowid);
  }
  return true;
}

/** Every row of every table, read on another thread where that is worth it. `seen`: takes the rowids that there are. */
async function takeAll(
  context: RowsContext,
  tables: ReadonlyMap<string, TableAccess>,
  batches: RowBatches,
  seen: Map<string, ReadonlySet<number>>,
): Promise<void> {
  const reading = await beginReading(context, tables);
  try {
    for (const access of tables.values()) seen.set(access.shape.profile.id, await takeAllRows(context, access, batches, reading));
  } finally {
    await reading?.end();
  }
}

async function takeAllRows(context: RowsContext, access: TableAccess, batches: RowBatches, reading: Reading | null): Promise<Set<number>> {
  const seen = new Set<number>();
  let after = -1;
  for (;;) {
    const from = after;
    const { rowids, rows } = reading === null ? await readHere(context, access, from) : await reading.next(access);
    const last = rowids.at(-1);
    if (last === undefined) break;
    for (const rowid of rowids) seen.add(rowid);
    await takeRows(context, access, rows, batches);
    note(context, access, last);
    after = last;
    await breathe();
  }
  return seen;
}

async function readHere({ database }: RowsContext, access: TableAccess, after: number): ReturnType<Reading['next']> {
  const rows = await database.read(() => access.page(after, PAGE_ROWS));
  return { rowids: rows.map(({ rowid }) => rowid), rows };
}

function note({ memory }: RowsContext, { shape }: TableAccess, last: number | undefined): void {
  if (last !== undefined && !memory.again) memory.seenTo.set(shape.profile.id, last);
}

/**
 * What the process before this one knew of the state of the database. Once a process, before this one opens it: two look-ups at most. What it noted of
 * the file is over with the first change that this one sees.
 */
async function takeUpNote({ memory, past, file }: RowsContext): Promise<void> {
  if (memory.lastNote !== undefined) return;
  const note = (await past?.note()) ?? null;
  if (note?.isAsked === true) memory.held = { older: new Set(), returned: new Set() };
  memory.wentOn = isSameNote(note?.file ?? null, noteOfFile(file));
  if (note !== null && note.file !== null) await past?.keep({ ...note, file: null });
  memory.lastNote = note;
}

/** Items of which another release can show more are outstanding again. */
async function showMore({ memory, workspace }: RowsContext): Promise<void> {
  const items = memory.unshown.splice(0);
  if (items.length > 0) await workspace.applied(items.map((item) => ({ item, content: null, local: null })));
}

const ANOTHER = 'another database is in its place, without any of the rows';

/** Whether it is the database that was known, by what stands in it or by the numbers that it gave out. */
async function isKnown(context: RowsContext, tables: ReadonlyMap<string, TableAccess>): Promise<boolean> {
  return (await hasKnownRow(context, tables)) || context.database.read(() => goesOn(context, tables));
}

/** Whether something is known that nobody said was to go. */
function isAsked({ memory: { index, confirmed } }: RowsContext): boolean {
  for (const name of index.names()) if (!confirmed.has(name)) return true;
  return false;
}

async function noDatabase(context: RowsContext, message: string): Promise<ScanReport> {
  const { memory, profile } = context;
  const names = [...memory.index.names()];
  const batches = createRowBatches(context);
  // What was compared is not there: as soon as something is, it is compared, and what is to be put in place is.
  [memory.version, memory.wholeVersion] = [null, null];
  if (names.every((name) => memory.confirmed.has(name))) {
    for (const name of names) await batches.add({ type: 'absent', item: { kind: profile.kind, name } }, null);
    memory.state = { type: 'ok' };
  } else memory.state = { type: 'root-missing', message, names };
  return report(context, await batches.finish());
}

/** Rows that are no items of their own, or cannot be. */
export function skippedRows({ memory, profile }: RowsContext): NamedReason[] {
  const rows = profile.tables.flatMap(({ id, table }) =>
    [...memory.index.skipped(id)]
      .filter(([, { repeats }]) => repeats === null)
      .map(([rowid, { reason }]) => ({ name: `${table} row ${rowid}`, reason })),
  );
  return [...[...memory.skipped].map(([name, reason]) => ({ name, reason })), ...rows];
}

function report(context: RowsContext, captured: CaptureReport): ScanReport {
  const { commits, changes, bytes, conflicts } = captured;
  const { state } = context.memory;
  return { state, commits, changes, bytes, conflicts, skipped: skippedRows(context), torn: [], changing: [] };
}
