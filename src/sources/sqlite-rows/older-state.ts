import { itemKey } from '../../core/item.ts';
import type { RowsContext } from './context.ts';
import type { Doubtful } from './held-back.ts';
import type { Place } from './row-index.ts';
import type { TableAccess } from './table-access.ts';

/** Whether fewer numbers were given out than were seen used: the database is as it was before. Cost: a look-up a table. */
export function isBehindSeen({ memory: { seenTo } }: RowsContext, tables: ReadonlyMap<string, TableAccess>): boolean {
  return [...tables].some(([id, access]) => (access.lastNumber() ?? Infinity) < (seenTo.get(id) ?? 0));
}

/** The same by the numbers of all rows that are known. O(rows that are known). */
export function isBehindKnown({ memory: { index } }: RowsContext, tables: ReadonlyMap<string, TableAccess>): boolean {
  return [...tables].some(([id, access]) => {
    const last = access.lastNumber();
    if (last === null) return false;
    for (const rowid of index.rows(id).keys()) if (rowid > last) return true;
    return false;
  });
}

/**
 * Whether the database is not the one that was known, or is as it was some time ago: numbers were given out that it does not know of, or a
 * number that is given out once is another row's. What it lacks nobody deleted from it.
 */
export async function isAnotherState(
  context: RowsContext,
  tables: ReadonlyMap<string, TableAccess>,
  vanished: readonly Place[],
): Promise<boolean> {
  const { memory, database, profile } = context;
  const keepsNumbers = await database.read(
    () => new Set([...tables].flatMap(([id, access]) => (access.lastNumber() === null ? [] : [id]))),
  );
  // What others refer to may take up what another one was known by.
  const referred = new Set(profile.tables.flatMap(({ reference }) => reference?.table ?? []));
  const isDisplaced = ({ name, table }: Place): boolean => memory.displaced.has(name) && keepsNumbers.has(table) && !referred.has(table);
  return vanished.some(isDisplaced) || database.read(() => isBehindKnown(context, tables));
}

/**
 * Whether what a database says otherwise shows that it is an older state of itself. A row that was deleted and is back under a number that was
 * passed does: no row gets one again. So does one that says what it said before, unless something newer than what followed on that stands there
 * as it was shown, or somebody had it open all the while: then somebody took back what was done.
 * @param sent what was new in it, which says nothing about its time.
 * Cost: the versions of each doubtful row, and O(items) where one went back.
 */
export async function goesBack(
  context: RowsContext,
  tables: ReadonlyMap<string, TableAccess>,
  doubtful: readonly Doubtful[],
  sent: ReadonlySet<string>,
  vanished: readonly Place[],
): Promise<boolean> {
  const { past, database, workspace, memory } = context;
  if (doubtful.length === 0) return false;
  const keepsNumbers = await database.read(
    () => new Set([...tables].flatMap(([id, access]) => (access.lastNumber() === null ? [] : [id]))),
  );
  if (doubtful.some(({ type, at, isPassed }) => type === 'returned' && isPassed && keepsNumbers.has(at.table))) return true;
  if (past === undefined || memory.wentOn) return false;
  const all = doubtful.filter(({ type }) => type !== 'with');
  const views = await workspace.views();
  const others = new Set([...sent, ...all.map(({ found }) => found.item.name), ...vanished.map(({ name }) => name)]);
  const isThere = (name: string, digest: string): boolean =>
    !others.has(name) &&
    memory.index.of(name)?.rowid != null &&
    views.get(itemKey({ kind: context.profile.kind, name }))?.shown?.digest === digest;
  let newest: { readonly all: number; readonly others: number } | null = null;
  for (const { found } of all) {
    const { item, body, attributes } = found;
    const next = await past.wentOnAt(item, { bytes: body, attributes }, views.get(itemKey(item))?.shown ?? null);
    if (next === null) continue;
    newest ??= await past.newest((name, { digest }) => isThere(name, digest));
    // What others made comes here some time after it landed: of what this machine made, the log does not tell whether that was before.
    if (next.position >= (next.isOwn ? newest.all : newest.others)) return true;
  }
  return false;
}
