import { itemKey, type Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import { decodeRow, type Row } from '../../kinds/rows/row-body.ts';
import type { RowsContext } from './context.ts';
import { readRow } from './read-row.ts';
import type { ReadyRow } from './ready-rows.ts';
import type { Place } from './row-index.ts';
import { impliedRow, isSameRow, newBody } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';

/** Which rows of a database are of a space, where not all are. */
export interface RowScope {
  /** Brings it up to date, before each round. Another number than before: rows may be judged otherwise now. `null`: all are of the space. */
  refresh(): Promise<number | null>;
  /** By a row and the one that it refers to. */
  judge(row: Row, parent: Row | null): Verdict;
  /** Why the item of this name is none of the space's; `null`: it is. `isShown`: it was, when the row was put here or captured. */
  judgeName(name: string, isShown: boolean): string | null;
}

export type Verdict = { readonly type: 'in' } | { readonly type: 'out'; readonly reason: string } | { readonly type: 'by-name' };

/** Before the reasons of items that are not here because a scope leaves them out. */
export const OUT_OF_SCOPE = 'left to another place: ';

/** More views than this are not looked up one by one. */
const MANY_NAMES = 100;

export function isOutOfScope(reason: string | null | undefined): boolean {
  return reason?.startsWith(OUT_OF_SCOPE) === true;
}

/** True where rows may be judged otherwise than in the last whole round. */
export async function refreshScope({ scope, memory }: RowsContext): Promise<boolean> {
  const version = (await scope?.refresh()) ?? null;
  memory.isScoped = version !== null;
  if (memory.scopeVersion === version) return false;
  memory.scopeVersion = version;
  return true;
}

/** Those of the rows that are of the space. The others are passed over, and are not here where they were. O(rows). */
export async function rowsOfScope(context: RowsContext, access: TableAccess, rows: readonly FoundRow[]): Promise<readonly FoundRow[]> {
  const { memory, database } = context;
  const { index } = memory;
  if (!memory.isScoped) return rows;
  const table = access.shape.profile.id;
  const reasons = await database.read(() => {
    const parents = new Map<number, Row | null>(); // of many rows each
    return rows.map((found) => reasonOf(context, access, found, parents));
  });
  const displaced = await displacedAt(
    context,
    access,
    rows.filter((_, at) => (reasons[at] ?? null) !== null),
  );
  return rows.filter((found, at) => {
    const reason = reasons[at] ?? null;
    if (reason === null) {
      index.takeBack(table, found.rowid);
      if (isOutOfScope(index.skipped(table).get(found.rowid)?.reason)) index.unskipRow(table, found.rowid);
      return true;
    }
    const place = index.at(table, found.rowid);
    if (place !== undefined && displaced.has(found.rowid)) index.set({ ...place, rowid: null });
    else if (place !== undefined) {
      index.leave(place);
      memory.left.set(place.name, reason);
    }
    index.skip(table, found.rowid, { digest: found.digest, reason, repeats: null });
    return false;
  });
}

/** Of these rows those at whose places other ones stood, which are not left for it: a database that was made anew gives numbers again. */
async function displacedAt(context: RowsContext, access: TableAccess, rows: readonly FoundRow[]): Promise<ReadonlySet<number>> {
  const { memory, workspace, profile } = context;
  const doubtful = rows.flatMap((found) => {
    const place = memory.index.at(access.shape.profile.id, found.rowid);
    const isSame = place === undefined || place.digest === found.digest || naturalName(context, access, found) === place.name;
    return isSame ? [] : [{ found, name: place.name }];
  });
  const displaced = new Set<number>();
  if (doubtful.length === 0) return displaced;
  const views = await workspace.views(doubtful.length > MANY_NAMES ? undefined : doubtful.map(({ name }) => name));
  for (const { found, name } of doubtful) {
    const item: Item = { kind: profile.kind, name };
    const shown = views.get(itemKey(item))?.shown ?? null;
    const base = shown === null ? null : await readRow(context, item, shown);
    if (base !== null && !isSameRow(base.row, access.shape, found.row)) displaced.add(found.rowid);
  }
  return displaced;
}

/**
 * Those of the rows that are gone from the database and were of the space. What is gone of another place is not here, and no wish. Reads what
 * was shown of each.
 */
export async function goneFromScope(context: RowsContext, gone: readonly Place[]): Promise<readonly Place[]> {
  const { memory, scope, workspace, profile } = context;
  if (!memory.isScoped || scope === null || gone.length === 0) return gone;
  const views = await workspace.views(gone.length > MANY_NAMES ? undefined : gone.map(({ name }) => name));
  const parents = new Map<string, Row | null>();
  const bodyOf = async (name: string, view: View | undefined): Promise<Row | null> => {
    const item: Item = { kind: profile.kind, name };
    return view?.shown == null ? null : ((await readRow(context, item, view.shown))?.row ?? null);
  };
  const kept: Place[] = [];
  for (const place of gone) {
    const body = await bodyOf(place.name, views.get(itemKey({ kind: profile.kind, name: place.name })));
    const name = parentName(context, place.table, body);
    if (name !== null && !parents.has(name)) {
      const view = (await workspace.views([name])).get(itemKey({ kind: profile.kind, name }));
      parents.set(name, await bodyOf(name, view));
    }
    const verdict = body === null ? null : scope.judge(body, name === null ? null : (parents.get(name) ?? null));
    if (verdict?.type !== 'out') kept.push(place);
    else {
      memory.index.leave(place);
      memory.left.set(place.name, OUT_OF_SCOPE + verdict.reason);
    }
  }
  return kept;
}

/**
 * What was left in this round is not here any more, and what is in the space of it stays: that it goes from here, or is another here, is no wish for
 * as long as it is another place's. What it was shown as is kept. Where it is of the space again, what was done here meanwhile is merged.
 */
export async function settleLeft({ memory, workspace, profile }: RowsContext): Promise<void> {
  if (memory.left.size === 0) return;
  const left = [...memory.left].map(([name, reason]) => ({ item: { kind: profile.kind, name }, reason }));
  memory.left.clear();
  await workspace.notHere(left);
}

function reasonOf(context: RowsContext, access: TableAccess, found: FoundRow, parents: Map<number, Row | null>): string | null {
  const { scope, memory } = context;
  const { reference } = access.shape.profile;
  let parent: Row | null = null;
  if (reference !== null && typeof found.parent === 'number') {
    parent = parents.get(found.parent) ?? rowAt(context, reference.table, found.parent);
    parents.set(found.parent, parent);
  }
  const verdict = scope?.judge(found.row, parent) ?? { type: 'in' };
  if (verdict.type !== 'by-name') return verdict.type === 'in' ? null : OUT_OF_SCOPE + verdict.reason;
  if (reference !== null && typeof found.parent === 'number') {
    const skipped = memory.index.skipped(reference.table).get(found.parent)?.reason;
    if (skipped !== undefined && isOutOfScope(skipped)) return skipped;
  }
  const place = memory.index.at(access.shape.profile.id, found.rowid);
  const name = place?.name ?? naturalName(context, access, found);
  const reason = name === null ? null : (scope?.judgeName(name, place !== undefined) ?? null);
  return reason === null ? null : OUT_OF_SCOPE + reason;
}

function naturalName({ memory }: RowsContext, { shape }: TableAccess, { row, parent }: FoundRow): string | null {
  const { reference, nameOf } = shape.profile;
  if (reference === null || typeof parent !== 'number') return nameOf(impliedRow(shape, row));
  const name = memory.index.at(reference.table, parent)?.name;
  // Once that one is captured it is looked at again.
  return name === undefined ? null : nameOf(impliedRow(shape, newBody(shape, row, name)));
}

function rowAt({ database }: RowsContext, table: string, rowid: number): Row | null {
  return database.tables().get(table)?.at(rowid)?.row ?? null;
}

/** Those that are none of the space's get the problem that they are not here. */
export async function judgeReady(context: RowsContext, ready: readonly ReadyRow[]): Promise<ReadyRow[]> {
  const { memory, scope, workspace, profile } = context;
  if (!memory.isScoped || scope === null) return [...ready];
  const bodies = new Map(ready.map(({ outstanding, body }) => [outstanding.item.name, rowOf(body)]));
  const parents = new Map<string, Row | null>();
  const unknown: string[] = [];
  for (const { outstanding, table } of ready) {
    const name = parentName(context, table, bodies.get(outstanding.item.name) ?? null);
    if (name === null || parents.has(name)) continue;
    const rowid = memory.index.of(name)?.rowid ?? null;
    const parent =
      bodies.get(name) ?? (rowid === null ? null : await context.database.read(() => rowAt(context, profile.tableOf(name) ?? '', rowid)));
    parents.set(name, parent);
    if (parent === null) unknown.push(name);
  }
  const views = unknown.length === 0 ? new Map() : await workspace.views(unknown);
  const leftBecause = (name: string): string | null => {
    const item: Item = { kind: profile.kind, name };
    const reason = (views.get(itemKey(item)) as { readonly notHere: string | null } | undefined)?.notHere ?? null;
    return isOutOfScope(reason) ? reason : null;
  };
  const out = new Map<string, string>();
  return ready.map((each) => {
    const { problem, outstanding, table } = each;
    const body = bodies.get(outstanding.item.name) ?? null;
    if (body === null || problem !== null) return each;
    const name = parentName(context, table, body);
    const parent = name === null ? null : (parents.get(name) ?? null);
    const verdict = scope.judge(body, parent);
    const own =
      verdict.type === 'out' ? verdict.reason : verdict.type === 'in' ? null : scope.judgeName(outstanding.item.name, each.place !== null);
    const reason = own !== null ? OUT_OF_SCOPE + own : name === null || parent !== null ? null : (out.get(name) ?? leftBecause(name));
    if (reason === null) return each;
    out.set(outstanding.item.name, reason);
    return { ...each, problem: { type: 'not-here', reason } };
  });
}

/** `null` for what is no row: whoever writes it says so. */
function rowOf(body: Uint8Array | null): Row | null {
  const row = body === null ? null : decodeRow(body);
  return row?.ok === true ? row.value : null;
}

function parentName({ profile }: RowsContext, table: string, body: Row | null): string | null {
  const key = profile.tables.find(({ id }) => id === table)?.reference?.key;
  const name = key === undefined ? undefined : body?.get(key);
  return typeof name === 'string' ? name : null;
}
