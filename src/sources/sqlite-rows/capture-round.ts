import type { CaptureReport } from '../../core/replica/workspace.ts';
import { judgeAbsences } from '../file-tree/absence.ts';
import type { NamedReason, ScanReport } from '../file-tree/reports.ts';
import { createRowBatches, type RowBatches } from './capture-batches.ts';
import { breathe, ensureIndex, type RowsContext } from './context.ts';
import type { Place } from './row-index.ts';
import type { FoundRow, TableAccess } from './table-access.ts';
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
  const standing = database.look();
  if (standing !== 'same') memory.isOther = true;
  await ensureIndex(context);
  const wasMissing = memory.state.type === 'root-missing';
  if (standing === 'missing') return noDatabase(context, 'the database is not there');
  const tables = database.tables();
  if (context.profile.tables.slice(0, 1).some(({ id }) => !tables.has(id))) return noDatabase(context, 'the database has no such tables');

  const shape = [...tables].map(([id, { shape }]) => `${id}:${shape.mask}`).join();
  let whole = options.whole || memory.isOther || wasMissing || memory.wholeVersion === null || memory.shape !== shape;
  if (memory.isOther) memory.seenTo.clear();
  const version = database.version();
  memory.again = false;
  if (whole) memory.skipped.clear();
  const batches = createRowBatches(context);
  const seen = new Map<string, ReadonlySet<number>>();
  if (!whole) whole = !(await takeNewRows(context, tables, batches));
  if (whole) for (const access of tables.values()) seen.set(access.shape.profile.id, await takeAllRows(context, access, batches));
  const isEmptied = await takeAbsences(context, tables, whole ? seen : null, batches, memory.isOther || wasMissing);
  const captured = await batches.finish();
  await showMore(context);
  memory.version = version;
  if (whole && !isEmptied) {
    [memory.wholeVersion, memory.shape] = [version, shape];
    memory.isOther = false;
  }
  return report(context, captured);
}

/** All new rows of all tables, as they stand at one moment. False where they are too many for that. */
async function takeNewRows(context: RowsContext, tables: ReadonlyMap<string, TableAccess>, batches: RowBatches): Promise<boolean> {
  const { database, memory, limits } = context;
  const found = await database.read(() =>
    [...tables.values()].map((access) => {
      const from = memory.seenTo.get(access.shape.profile.id) ?? 0;
      const rows = new Map(access.newest(limits.newestRows).map((row) => [row.rowid, row]));
      for (const row of access.page(from, MANY_ROWS)) rows.set(row.rowid, row);
      return { access, rows: [...rows.values()].sort((a, b) => a.rowid - b.rowid) };
    }),
  );
  if (found.some(({ rows }) => rows.length >= MANY_ROWS)) return false;
  for (const { access, rows } of found) {
    await takeRows(context, access, rows, batches);
    note(context, access, rows.at(-1));
  }
  return true;
}

async function takeAllRows(context: RowsContext, access: TableAccess, batches: RowBatches): Promise<Set<number>> {
  const seen = new Set<number>();
  let after = -1;
  for (;;) {
    const from = after;
    const rows = await context.database.read(() => access.page(from, PAGE_ROWS));
    const last = rows.at(-1);
    if (last === undefined) break;
    for (const { rowid } of rows) seen.add(rowid);
    await takeRows(context, access, rows, batches);
    note(context, access, last);
    after = last.rowid;
    await breathe();
  }
  return seen;
}

function note({ memory }: RowsContext, { shape }: TableAccess, last: FoundRow | undefined): void {
  if (last !== undefined && !memory.again) memory.seenTo.set(shape.profile.id, last.rowid);
}

/** True where so much is gone at once from another file than before that nothing of it counts. */
async function takeAbsences(
  context: RowsContext,
  tables: ReadonlyMap<string, TableAccess>,
  seen: ReadonlyMap<string, ReadonlySet<number>> | null,
  batches: RowBatches,
  isOther: boolean,
): Promise<boolean> {
  const { memory, profile } = context;
  const { index } = memory;
  const gone: Place[] = [];
  for (const [id, access] of tables) {
    const rows = index.rows(id);
    const there = seen?.get(id) ?? (await rowsThere(context, access));
    if (there === null) continue;
    for (const [rowid, place] of rows) if (!there.has(rowid)) gone.push(place);
    for (const rowid of index.skipped(id).keys()) if (!there.has(rowid)) index.unskip(id);
  }
  if (seen !== null) for (const place of index.places()) if (place.rowid === null && tables.has(place.table)) gone.push(place);
  const others = seen === null ? [] : [...index.places()].filter(({ table }) => !tables.has(table));
  const vanished = await withoutRepeated(context, tables, gone, batches);

  const shown = index.size - others.length;
  if (isOther && vanished.length > 0 && vanished.length === shown && vanished.some(({ name }) => !memory.confirmed.has(name))) {
    memory.state = { type: 'root-missing', message: 'another database is in its place, without any of the rows', names: namesOf(vanished) };
    return true;
  }
  const judged = judge(context, vanished, shown);
  memory.state =
    judged.hold.length > 0
      ? { type: 'mass-deletion', message: `${judged.hold.length} rows are gone at once`, names: judged.hold }
      : { type: 'ok' };
  const now = context.clock.now();
  for (const name of judged.take) {
    memory.deletions.push({ time: now, table: profile.tableOf(name) ?? '', count: 1 });
    memory.confirmed.delete(name);
    await batches.add({ type: 'absent', item: { kind: profile.kind, name } }, null);
  }
  return false;
}

/** Which absences count as wishes to delete: judged all together, and then table by table. */
function judge(context: RowsContext, vanished: readonly Place[], shown: number): ReturnType<typeof judgeAbsences> {
  const { memory, limits, clock } = context;
  const now = clock.now();
  const recent = memory.deletions.filter(({ time }) => Math.abs(now - time) < limits.deletionsWindowMs);
  memory.deletions.splice(0, memory.deletions.length, ...recent);
  const held = new Set(memory.state.type === 'mass-deletion' ? memory.state.names : []);
  const recentOf = (table: string | null): number =>
    recent.reduce((sum, each) => sum + (table === null || each.table === table ? each.count : 0), 0);
  const shared = { confirmed: memory.confirmed, held, limit: limits.deletions, many: limits.manyDeletions };
  const all = judgeAbsences({ ...shared, absent: namesOf(vanished), shown, recent: recentOf(null) });
  const hold = new Set(all.hold);
  for (const table of new Set(vanished.map((place) => place.table))) {
    const absent = namesOf(vanished.filter((place) => place.table === table && !hold.has(place.name)));
    const judged = judgeAbsences({ ...shared, absent, shown: memory.index.rows(table).size, recent: recentOf(table) });
    for (const name of judged.hold) hold.add(name);
  }
  return { take: all.take.filter((name) => !hold.has(name)), hold: [...hold] };
}

/** The rowids that there are; `null` where none that is known can be missing. */
async function rowsThere({ database, memory }: RowsContext, access: TableAccess): Promise<ReadonlySet<number> | null> {
  const { id } = access.shape.profile;
  const known = memory.index.rows(id).size + memory.index.skipped(id).size;
  if (known === 0) return null;
  return database.read(() => (access.count() === known ? null : new Set(access.rowids())));
}

/** Where a row stood twice, the other one takes its place. */
async function withoutRepeated(
  context: RowsContext,
  tables: ReadonlyMap<string, TableAccess>,
  gone: readonly Place[],
  batches: RowBatches,
): Promise<Place[]> {
  const { index } = context.memory;
  const left: Place[] = [];
  for (const place of gone) {
    const access = tables.get(place.table);
    const [rowid, repeated] = [...index.skipped(place.table)].find(([, { repeats }]) => repeats === place.name) ?? [];
    const row = access === undefined || rowid === undefined ? null : await context.database.read(() => access.at(rowid));
    if (row === null || repeated === undefined || access === undefined) left.push(place);
    else {
      index.unskip(place.table);
      index.set({ ...place, rowid: null });
      await takeRows(context, access, [row], batches);
    }
  }
  return left;
}

/** Items of which another release can show more are outstanding again. */
async function showMore({ memory, workspace }: RowsContext): Promise<void> {
  const items = memory.unshown.splice(0);
  if (items.length > 0) await workspace.applied(items.map((item) => ({ item, content: null, local: null })));
}

function namesOf(places: readonly Place[]): string[] {
  return places.map(({ name }) => name);
}

async function noDatabase(context: RowsContext, message: string): Promise<ScanReport> {
  const { memory, profile } = context;
  const names = [...memory.index.names()];
  const batches = createRowBatches(context);
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
