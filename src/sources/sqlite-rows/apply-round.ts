import type { Applied, Outstanding } from '../../core/replica/workspace.ts';
import type { ApplyReport } from '../file-tree/reports.ts';
import { captureRound } from './capture-round.ts';
import { breathe, type RowsContext } from './context.ts';
import { fetchBodies, readyRows, type ReadyRow } from './ready-rows.ts';
import { reopenNotHere } from './reopen-not-here.ts';
import { reviveRows, type RevivedRow } from './revive-rows.ts';
import type { Place } from './row-index.ts';
import { beginSeries, type Series } from './row-series.ts';
import type { RowTask, Written } from './row-task.ts';
import { writeRows } from './write-rows.ts';

const ROUNDS = 4;
const BATCH_BYTES = 4 * 1024 * 1024;
const RETRY_MS = 30_000;
/** Another thread gets few rows first, so that it works while more are read. */
const FIRST_ROWS = 500;
/**
 * Before new rows, by round: one number has to stay unused until they are written, whatever is written meanwhile. In the end they are not kept
 * waiting for one of them that cannot be written.
 */
const LEFT_UNUSED = [1, 16];

/** What has to be done before the rest can be written: nothing can, or needs to be; new numbers; what changed here captured. */
type Next = 'done' | 'plan' | 'capture';
const NEXT: readonly Next[] = ['done', 'plan', 'capture'];

interface Tally {
  written: number;
  removed: number;
  readonly notHere: { readonly name: string; readonly reason: string }[];
  /** Rows, by table and number, that others of this round refer to, which are to go and have to be captured before. */
  readonly heldByLeaving: Set<string>;
}

/**
 * Puts everything outstanding in place that can be: rows before those that refer to them, and taken away after them. What changed here
 * meanwhile is captured first, and looked at again. Cost: O(outstanding), in transactions of some 500 rows.
 */
export async function applyRound(context: RowsContext): Promise<ApplyReport> {
  const { memory, database } = context;
  const tally: Tally = { written: 0, removed: 0, notHere: [], heldByLeaving: new Set() };
  if (memory.wholeVersion === null || memory.state.type === 'root-missing' || (await isRejudged(context)))
    await captureRound(context, { whole: true });
  let [next, isCaptured]: [Next, boolean] = ['done', false];
  for (let round = 0; round < ROUNDS && memory.wholeVersion !== null; round += 1) {
    if (database.look() !== 'same') {
      memory.isOther = true;
      break;
    }
    await reopenNotHere(context);
    memory.plannedTo.clear();
    tally.heldByLeaving.clear();
    memory.leftUnused = LEFT_UNUSED[round] ?? 0;
    const due = await plan(context);
    next = 'done';
    if (due.length === 0) break;
    const series = due.length < context.limits.seriesRows ? null : await beginAhead(context, due);
    next = await (series === null ? writeHere(context, due, tally) : writeBeside(context, series, due, tally));
    if (next === 'done') break;
    if (next === 'plan') continue;
    await captureRound(context, { whole: isCaptured });
    isCaptured = true;
  }
  const waiting = [...memory.waiting].map(([name, { reason }]) => ({ name, reason }));
  return { ...tally, state: memory.state, waiting, retryInMs: waiting.length > 0 || next !== 'done' ? RETRY_MS : null };
}

/** Rows that came by another way have to be known first. */
async function isRejudged({ scope, memory }: RowsContext): Promise<boolean> {
  return scope !== null && (await scope.refresh()) !== memory.scopeVersion;
}

async function writeHere(context: RowsContext, due: readonly Outstanding[], tally: Tally): Promise<Next> {
  let next: Next = 'done';
  for (const batch of batchesOf(context, due)) {
    const ready = await readyRows(context, batch);
    next = later(next, await settle(context, await writeRows(context, ready.map(taskOf)), ready, tally));
    await breathe();
  }
  return next;
}

/** While the other thread starts, what it is given first is fetched. */
async function beginAhead(context: RowsContext, due: readonly Outstanding[]): Promise<Series | null> {
  const [first = []] = batchesOf(context, due, FIRST_ROWS);
  // What cannot be fetched is asked for again, and says so then: the thread must not be left alone with the database.
  const [series] = await Promise.allSettled([beginSeries(context), fetchBodies(context, first)]);
  if (series.status === 'rejected') throw series.reason;
  return series.value;
}

/** What another thread was given to write, and what is to be told of it. */
interface Underway {
  readonly rows: readonly Settling[];
  readonly bytes: number;
  readonly written: Promise<Written>;
}

/**
 * The same where others write: while they do, what comes next is read and given to them, so that they never wait for this thread, and what
 * they wrote is noted. What came meanwhile is written behind it, each item once. Memory: `underwayBytes` of bodies.
 */
async function writeBeside(context: RowsContext, series: Series, due: readonly Outstanding[], tally: Tally): Promise<Next> {
  let next: Next = 'done';
  let bytes = 0;
  const underway: Underway[] = [];
  /** Notes what became of the batch that was given away first. */
  const finish = async (): Promise<void> => {
    const first = underway.shift();
    if (first === undefined) return;
    next = later(next, await settle(context, await first.written, first.rows, tally));
    bytes -= first.bytes;
  };
  const tried = new Set<string>();
  /** What came since; nothing where it has to be captured or planned before it can be written. */
  const more = async (): Promise<Outstanding[]> => {
    for (;;) {
      const rows = next === 'done' ? await plan(context, tried) : [];
      if (rows.length > 0 || underway.length === 0) return rows;
      await finish();
    }
  };
  try {
    for (let rows = due; rows.length > 0; rows = await more()) {
      for (const { item } of rows) tried.add(item.name);
      for (const batch of batchesOf(context, rows, FIRST_ROWS)) {
        const ready = await readyRows(context, batch);
        const size = sizeOf(batch);
        while (underway.length > 0 && bytes + size > context.limits.underwayBytes) await finish();
        const written = series.write(ready.map(taskOf));
        written.catch(() => undefined); // thrown where it is awaited
        bytes += size;
        underway.push({ rows: ready.map(({ outstanding, planned }) => ({ outstanding, planned })), bytes: size, written });
      }
    }
    await series.note();
  } finally {
    await series.end();
  }
  return next;
}

function sizeOf(batch: readonly Outstanding[]): number {
  return batch.reduce((sum, { content }) => sum + (content?.size ?? 0), 0);
}

function later(a: Next, b: Next): Next {
  return NEXT.indexOf(a) > NEXT.indexOf(b) ? a : b;
}

function taskOf({ outstanding, table, place, body, problem, planned }: ReadyRow): RowTask {
  return { name: outstanding.item.name, table, place, body, problem, planned };
}

/** What can be done now, in the order in which it has to be, but for what was `tried`. */
async function plan(context: RowsContext, tried: ReadonlySet<string> = new Set()): Promise<Outstanding[]> {
  const { workspace, profile, memory } = context;
  const isHeld = heldBy(memory);
  const order = new Map(profile.tables.map(({ id }, index) => [id, index]));
  const referred = new Set(profile.tables.flatMap(({ reference }) => reference?.table ?? []));
  const asked = (await workspace.outstanding()).filter(({ item }) => item.kind === profile.kind);
  const all = [...asked, ...(await toPutBack(context, asked))];
  const open = new Map(all.map(({ item, content }) => [item.name, content]));
  for (const name of memory.waiting.keys()) if (!open.has(name)) memory.waiting.delete(name);
  const isComing = (parent: string): boolean => memory.index.of(parent)?.rowid != null || (open.get(parent) ?? null) !== null;
  const due: Due[] = [];
  for (const outstanding of all) {
    const { item, content } = outstanding;
    const waits = memory.waiting.get(item.name);
    const isStuck = waits?.digest === content?.digest && waits?.parent != null && !isComing(waits.parent);
    if (isHeld(item.name) || isStuck || tried.has(item.name)) continue;
    const table = profile.tableOf(item.name) ?? '';
    const step = content !== null ? 1 + (order.get(table) ?? 0) : referred.has(table) ? 1_000 - (order.get(table) ?? 0) : 0;
    const [piece] = content?.pieces ?? [];
    due.push({ outstanding, step, object: piece?.object ?? '', offset: piece?.offset ?? 0 });
  }
  return inOrder(due);
}

/** What waits for an answer is not written over, but for what was answered. */
function heldBy({ state, putBack }: RowsContext['memory']): (name: string) => boolean {
  const held = new Set(state.type === 'ok' || state.type === 'disk-full' ? [] : state.names);
  return (name) => held.has(name) && !putBack.has(name);
}

/** What stands there otherwise than it was shown, and is to be as it was: the space need not have anything newer. */
async function toPutBack({ workspace, memory }: RowsContext, asked: readonly Outstanding[]): Promise<Outstanding[]> {
  if (memory.putBack.size === 0) return [];
  const isAsked = new Set(asked.map(({ item }) => item.name));
  const views = await workspace.views([...memory.putBack]);
  return [...views.values()].flatMap(({ item, shown, local }) =>
    memory.putBack.has(item.name) && !isAsked.has(item.name) ? [{ item, content: shown, shown, local }] : [],
  );
}

interface Due {
  readonly outstanding: Outstanding;
  readonly step: number;
  readonly object: string;
  readonly offset: number;
}

/** By steps; bodies that lie together are read together. */
function inOrder(due: readonly Due[]): Outstanding[] {
  const groups = new Map<string, Due[]>();
  for (const each of due) {
    const key = `${String(each.step).padStart(4, '0')} ${each.object}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.keys()]
    .sort()
    .flatMap((key) => (groups.get(key) ?? []).sort((a, b) => a.offset - b.offset).map(({ outstanding }) => outstanding));
}

/** What is to be known of a row when it was written. */
type Settling = Pick<ReadyRow, 'outstanding' | 'planned'>;

/** Tells the workspace what became of a batch. */
async function settle(context: RowsContext, { results, seenTo }: Written, rows: readonly Settling[], tally: Tally): Promise<Next> {
  const { workspace, memory } = context;
  const settled = results.map((result, index) => ({ result, ...(rows[index] as Settling) }));
  const applied = settled.flatMap(({ result, planned, outstanding: { item, content, shown } }): Applied[] => {
    if (result.type === 'put' || result.type === 'removed') return [{ item, content, local: result.type === 'put' ? result.local : null }];
    // Not written, it must not be taken for a row that was, by whatever gets its number.
    return planned !== null && result.type !== 'not-here' ? [{ item, content: shown, local: null }] : [];
  });
  if (applied.length > 0) await workspace.applied(applied);
  for (const [table, rowid] of seenTo) memory.seenTo.set(table, rowid);
  const leaving = settled.filter(({ result, outstanding }) => result.type === 'capture-first' && outstanding.content === null);
  for (const spot of await referredToBy(context, leaving)) tally.heldByLeaving.add(spot);
  const isHeldBack = (place: Place | undefined): boolean => place !== undefined && tally.heldByLeaving.has(spotOf(place));
  const notHere = settled.flatMap(({ result, outstanding: { item } }) =>
    // What stands there otherwise goes on doing so, and waits for another answer. What rows are in the way of that are to go is tried when they went.
    result.type === 'not-here' && !memory.putBack.has(item.name) && !isHeldBack(memory.index.of(item.name))
      ? [{ item, reason: result.reason }]
      : [],
  );
  if (notHere.length > 0) await workspace.notHere(notHere);
  for (const { item, reason } of notHere) tally.notHere.push({ name: item.name, reason });
  for (const { result, outstanding } of settled) {
    const { item, content } = outstanding;
    memory.waiting.delete(item.name);
    if (result.type === 'put' || result.type === 'removed' || result.type === 'revived') memory.putBack.delete(item.name);
    if (result.type === 'waits')
      memory.waiting.set(item.name, {
        digest: content?.digest ?? '',
        reason: result.reason,
        parent: result.parent,
        isLeaving: false,
        lacksBody: result.lacksBody ?? false,
      });
    else if (result.type === 'removed') {
      memory.index.delete(item.name);
      tally.removed += 1;
    } else if (result.type === 'put') {
      memory.index.set(result.place);
      tally.written += 1;
    }
  }
  const revived: RevivedRow[] = [];
  for (const { result, outstanding } of settled) {
    if (result.type !== 'revived') continue;
    const { name } = outstanding.item;
    // Whether it is needed is known when these went.
    if (isHeldBack(result.place)) continue;
    const isNeeded = !result.isGuarded || (await (context.isReferredTo?.(name) ?? true));
    if (isNeeded) revived.push({ outstanding, place: result.place });
    else memory.waiting.set(name, { digest: '', reason: 'rows refer to it that are still to go from here', parent: null, isLeaving: true });
  }
  if (revived.length > 0) await reviveRows(context, revived);
  if (revived.length > 0 || results.some(({ type }) => type === 'capture-first')) return 'capture';
  return results.some(({ type }) => type === 'plan-again') ? 'plan' : 'done';
}

/** What rows refer to, as they stand there now. */
async function referredToBy({ database, profile, memory: { index } }: RowsContext, rows: readonly Settling[]): Promise<string[]> {
  if (rows.length === 0) return [];
  return database.read(() => {
    const tables = database.tables();
    return rows.flatMap(({ outstanding: { item } }) => {
      const place = index.of(item.name);
      const reference = profile.tables.find(({ id }) => id === place?.table)?.reference;
      const parent = place?.rowid == null ? null : (tables.get(place.table)?.at(place.rowid)?.parent ?? null);
      return reference != null && typeof parent === 'number' ? [spotOf({ table: reference.table, rowid: parent })] : [];
    });
  });
}

const spotOf = ({ table, rowid }: Pick<Place, 'table' | 'rowid'>): string => `${table} ${rowid}`;

/** `first`: so many rows in the first one at most, and in each behind it twice as many as before. */
function* batchesOf({ limits }: RowsContext, due: readonly Outstanding[], first = limits.batchRows): Generator<Outstanding[]> {
  let batch: Outstanding[] = [];
  let [bytes, most] = [0, Math.min(first, limits.batchRows)];
  for (const outstanding of due) {
    const size = outstanding.content?.size ?? 0;
    if (batch.length > 0 && (batch.length >= most || bytes + size > BATCH_BYTES)) {
      yield batch;
      [batch, bytes, most] = [[], 0, Math.min(2 * most, limits.batchRows)];
    }
    batch.push(outstanding);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
