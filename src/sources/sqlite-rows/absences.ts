import { judgeAbsences } from '../file-tree/absence.ts';
import type { SourceState } from '../file-tree/reports.ts';
import type { RowBatches } from './capture-batches.ts';
import type { RowsContext } from './context.ts';
import { OF_RETURNED, RETURNED, type HoldingBatches } from './held-back.ts';
import { goesOn } from './known-rows.ts';
import { goesBack, isAnotherState } from './older-state.ts';
import { goneFromScope } from './row-scope.ts';
import type { Place, RowIndex } from './row-index.ts';
import type { TableAccess } from './table-access.ts';
import { takeRows } from './take-rows.ts';

/**
 * Captures that rows are gone, as far as that is a wish. True where so much is gone at once from another file than before that nothing of it
 * counts. `seen`: all rowids that there are, where those were read.
 */
export async function takeAbsences(
  context: RowsContext,
  tables: ReadonlyMap<string, TableAccess>,
  seen: ReadonlyMap<string, ReadonlySet<number>> | null,
  batches: HoldingBatches,
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
    lookAgain(index, id, there);
  }
  if (seen !== null) for (const place of index.places()) if (place.rowid === null && tables.has(place.table)) gone.push(place);
  const others = seen === null ? [] : [...index.places()].filter(({ table }) => !tables.has(table));
  const vanished = await goneFromScope(context, await withoutRepeated(context, tables, gone, batches));

  const shown = index.size - others.length; // without those of other places
  const isEmptied = vanished.length > 0 && vanished.length === shown && vanished.some(({ name }) => !memory.confirmed.has(name));
  if (isOther && isEmptied && !(await context.database.read(() => goesOn(context, tables)))) {
    batches.hold(false);
    memory.state = { type: 'root-missing', message: 'another database is in its place, without any of the rows', names: namesOf(vanished) };
    return true;
  }
  const isReplaced = await isHeldState(context, tables, vanished, batches);
  const before = memory.held;
  if (isReplaced) memory.held = batches.hold(seen !== null);
  else await batches.release();
  const judged = isReplaced ? judgeHeld(context, vanished, shown, isOther || before === null) : judge(context, vanished, shown);
  const { older, returned } = (isReplaced ? memory.held : null) ?? { older: new Set<string>(), returned: new Set<string>() };
  const isOver = older.size + returned.size + judged.hold.length === 0;
  if (!isReplaced || (isOver && seen !== null)) memory.held = null;
  if ((before === null) !== (memory.held === null)) await context.past?.keep({ isAsked: memory.held !== null, file: null });
  memory.state = memory.held === null ? massOf(judged.hold) : olderState([...older], judged.hold, [...returned]);
  const now = context.clock.now();
  for (const name of judged.take) {
    memory.deletions.push({ time: now, table: profile.tableOf(name) ?? '', count: 1 });
    memory.confirmed.delete(name);
    memory.displaced.delete(name);
    await batches.add({ type: 'absent', item: { kind: profile.kind, name } }, null);
  }
  return false;
}

/** Whether the database is another state than the one that was known, or was and nobody said what becomes of it. */
async function isHeldState(
  context: RowsContext,
  tables: ReadonlyMap<string, TableAccess>,
  vanished: readonly Place[],
  { doubtful, sent }: HoldingBatches,
): Promise<boolean> {
  const { memory } = context;
  if (context.isJudged !== false && !memory.isTrusted) {
    if (memory.held !== null) return true;
    if (await goesBack(context, tables, doubtful, sent, vanished)) return true;
  }
  return vanished.length > 0 && isAnotherState(context, tables, vanished);
}

function massOf(names: readonly string[]): SourceState {
  return names.length === 0 ? { type: 'ok' } : { type: 'mass-deletion', message: `${gone(names.length)} at once`, names };
}

function olderState(older: readonly string[], names: readonly string[], returned: readonly string[]): SourceState {
  const what = [
    older.length === 0 ? [] : `${rows(older.length)} ${older.length === 1 ? 'says' : 'say'} something else`,
    names.length === 0 ? [] : gone(names.length),
    returned.length === 0
      ? []
      : `${rows(returned.length)} that ${returned.length === 1 ? 'was' : 'were'} deleted since ${returned.length === 1 ? 'is' : 'are'} back`,
  ];
  const message = `another database, or an older state of this one, is in its place: ${what.flat().join(', ')}`;
  return { type: 'older-state', message, names: [...older, ...names, ...returned], older, gone: names, returned };
}

function gone(count: number): string {
  return `${rows(count)} ${count === 1 ? 'is' : 'are'} gone`;
}

function rows(count: number): string {
  return `${count} ${count === 1 ? 'row' : 'rows'}`;
}

function holdAll({ memory: { confirmed } }: RowsContext, vanished: readonly Place[]): ReturnType<typeof judgeAbsences> {
  const names = namesOf(vanished);
  return { take: names.filter((name) => confirmed.has(name)), hold: names.filter((name) => !confirmed.has(name)) };
}

/**
 * Which absences count as wishes, of a database that is another state and waits for an answer: what stood there when that was found (`isFound`: now)
 * and went since, in the file that is open, is deleted as ever. What is asked about goes on being held.
 */
function judgeHeld(context: RowsContext, vanished: readonly Place[], shown: number, isFound: boolean): ReturnType<typeof judgeAbsences> {
  const { state } = context.memory;
  if (isFound || state.type !== 'older-state') return holdAll(context, vanished);
  const asked = new Set(state.names);
  const isSince = ({ name, rowid }: Place): boolean => rowid !== null && !asked.has(name);
  const held = holdAll(
    context,
    vanished.filter((place) => !isSince(place)),
  );
  const since = judge(context, vanished.filter(isSince), shown);
  return { take: [...held.take, ...since.take], hold: [...held.hold, ...since.hold] };
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

/**
 * Has all rows of a table that are no items of their own be looked at again, if one of them is not `there` any more; or in any case. What is back
 * is known for as long as it is there: it waits.
 */
function lookAgain(index: RowIndex, table: string, there?: ReadonlySet<number>): void {
  const skipped = [...index.skipped(table)];
  if (there !== undefined && skipped.every(([rowid]) => there.has(rowid))) return;
  for (const [rowid, { reason }] of skipped)
    if (there?.has(rowid) === false || (reason !== RETURNED && reason !== OF_RETURNED)) index.unskipRow(table, rowid);
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
      lookAgain(index, place.table);
      index.set({ ...place, rowid: null });
      await takeRows(context, access, [row], batches);
    }
  }
  return left;
}

function namesOf(places: readonly Place[]): string[] {
  return places.map(({ name }) => name);
}
