import { decodeRow } from '../../kinds/rows/row-body.ts';
import type { Found, Outstanding } from '../../core/replica/workspace.ts';
import type { RowBatches } from './capture-batches.ts';
import type { RowsContext } from './context.ts';
import { readRow } from './read-row.ts';
import type { Place } from './row-index.ts';

/** Rows of a database that is another state than the one that was known, by name. They wait for an answer. */
export interface HeldRows {
  /** They say something else than they did when they were known last. */
  readonly older: ReadonlySet<string>;
  /** They were deleted since, and are back. */
  readonly returned: ReadonlySet<string>;
}

/** Why a row is no item of its own that was deleted, and stands in an older state. */
export const RETURNED = 'it was deleted since';
export const OF_RETURNED = 'the row that it refers to was deleted since, and waits for an answer';

type FoundBody = Extract<Found, { type: 'body' }>;

/** A row that is not sent before it is known whether the database is the one that was known. */
export interface Doubtful {
  readonly found: FoundBody;
  readonly at: Place;
  /** Where it stood; `undefined`: nowhere. */
  readonly before: Place | undefined;
  /** `with`: a new row that refers to one that is back. */
  readonly type: 'older' | 'returned' | 'with';
  /** Its number was behind it already when it was not there: no row gets such a number again. */
  readonly isPassed: boolean;
}

export interface HoldingBatches extends RowBatches {
  readonly doubtful: readonly Doubtful[];
  /** Names of what was sent of this round. */
  readonly sent: ReadonlySet<string>;
  /** Sends what is doubtful. */
  release(): Promise<void>;
  /** Leaves it as it was known, and gives what is held by now. `whole`: all rows were compared. */
  hold(whole: boolean): HeldRows;
}

/**
 * Batches that keep back what a database says otherwise that may be an older state of itself: `isJudged`, of all rows until that is decided;
 * else of those that are held already. Rows that nobody ever had are sent at once, and so is what is as the space has it. Memory: the bodies of
 * what is kept back.
 * @param isBehind whether the database is known to be behind: then every new row is looked up.
 */
export function holdingBack(context: RowsContext, inner: RowBatches, isJudged: boolean, isBehind: boolean): HoldingBatches {
  const { memory, workspace, profile, past } = context;
  const { index } = memory;
  const doubtful: Doubtful[] = [];
  const sent = new Set<string>();
  /** Those of them, and of what is held, that others may refer to. */
  const back = new Set(memory.held?.returned);
  const lasts = new Map<string, number>();
  if (isJudged) for (const { table, rowid } of index.places()) lasts.set(table, Math.max(lasts.get(table) ?? 0, rowid ?? 0));
  let [deleted, outstanding]: [Promise<ReadonlySet<string>> | null, Promise<ReadonlyMap<string, Outstanding>> | null] = [null, null];
  const deletedHere = (): Promise<ReadonlySet<string>> => (deleted ??= namesDeleted(context));
  const due = (): Promise<ReadonlyMap<string, Outstanding>> =>
    (outstanding ??= workspace.outstanding().then((all) => new Map(all.map((each) => [each.item.name, each]))));

  const isPassed = ({ table, rowid }: Place): boolean => rowid !== null && rowid <= (lasts.get(table) ?? 0);

  async function isReturned(name: string, at: Place): Promise<boolean> {
    if (memory.held?.returned.has(name) === true) return true;
    const wasHere = (await deletedHere()).has(name);
    if (!wasHere && !isBehind && !isPassed(at)) return false;
    if (past === undefined) return wasHere && !(await due()).has(name);
    return past.isDeleted(name);
  }

  function isOfReturned({ body }: FoundBody, { table }: Place): boolean {
    if (back.size === 0) return false;
    const key = profile.tables.find(({ id }) => id === table)?.reference?.key;
    if (key === undefined) return false;
    const row = decodeRow(body);
    const parent = row.ok ? row.value.get(key) : undefined;
    return typeof parent === 'string' && back.has(parent);
  }

  /** Somebody else may have brought it there before, as where a database was copied from another machine. */
  async function isAsInSpace({ item, body }: FoundBody): Promise<boolean> {
    const content = (await due()).get(item.name)?.content ?? null;
    const there = content === null ? null : await readRow(context, item, content);
    return there !== null && Buffer.from(there.body).equals(body);
  }

  async function typeOf(found: FoundBody, at: Place, before: Place | undefined): Promise<Doubtful['type'] | null> {
    const { name } = found.item;
    if (before === undefined) {
      if ((isJudged || memory.held?.returned.has(name) === true) && (await isReturned(name, at))) return 'returned';
      return isOfReturned(found, at) ? 'with' : null;
    }
    if (!isJudged && memory.held?.older.has(name) !== true) return null;
    // What was about to be put there, or is held anew, was not known as it stood.
    if (before.rowid !== null && before.digest === '') return null;
    return (await isAsInSpace(found)) ? null : 'older';
  }

  async function add(found: Found, at: Place | null, isApplied = false): Promise<void> {
    const { name } = found.item;
    const before = index.of(name);
    const type = found.type !== 'body' || at === null || isApplied ? null : await typeOf(found, at, before);
    if (type === null || found.type !== 'body' || at === null) {
      if (isJudged && found.type === 'body') sent.add(name);
      return inner.add(found, at, isApplied);
    }
    doubtful.push({ found, at, before, type, isPassed: isPassed(at) });
    if (type !== 'older') back.add(name);
    // As if it had been taken, until it is decided: what comes behind it may refer to it.
    index.set(at);
  }

  return {
    doubtful,
    sent,
    add: isJudged || memory.held !== null ? add : (found, at, isApplied) => inner.add(found, at, isApplied),
    send: () => inner.send(),
    finish: () => inner.finish(),
    async release() {
      for (const { found, at } of doubtful.splice(0)) await inner.add(found, at);
    },
    hold(whole) {
      const held = memory.held ?? { older: new Set<string>(), returned: new Set<string>() };
      const older = new Set(whole ? [] : held.older);
      for (const { found, at, before, type } of doubtful.splice(0)) {
        const { name } = found.item;
        if (before !== undefined) {
          older.add(name);
          index.set({ ...before, rowid: at.rowid });
          continue;
        }
        index.delete(name);
        const [reason, repeats] = type === 'returned' ? [RETURNED, name] : [OF_RETURNED, null];
        if (at.rowid !== null) index.skip(at.table, at.rowid, { digest: at.digest, reason, repeats });
      }
      return { older, returned: new Set(returnedRows(context).map(({ name }) => name)) };
    },
  };
}

/** Where rows stand that were deleted since, and are back. O(rows that are no items of their own). */
export function returnedRows({ memory: { index }, profile }: RowsContext): { name: string; table: string; rowid: number }[] {
  return profile.tables.flatMap(({ id }) =>
    [...index.skipped(id)].flatMap(([rowid, { reason, repeats }]) =>
      reason === RETURNED && repeats !== null ? [{ name: repeats, table: id, rowid }] : [],
    ),
  );
}

/** Items that were here, and were deleted, here or elsewhere. O(views). */
async function namesDeleted({ workspace }: RowsContext): Promise<ReadonlySet<string>> {
  const views = await workspace.views();
  return new Set(
    [...views.values()].flatMap(({ item, shown, notHere, local }) =>
      shown === null && notHere === null && local === null ? [item.name] : [],
    ),
  );
}
