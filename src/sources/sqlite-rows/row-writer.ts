import { Mutex } from '../../core/replica/mutex.ts';
import { ROWS_LIMITS, type RowsContext } from './context.ts';
import { createRowDatabase } from './row-database.ts';
import { RowIndex, type Place } from './row-index.ts';
import type { RowTask, WriteContext, Written } from './row-task.ts';
import { writeRows } from './write-rows.ts';

/** What a writer on another thread has to know of the rows that are there. */
export interface WriterStart {
  readonly file: string;
  readonly seenTo: ReadonlyMap<string, number>;
  /** Of rows that others may refer to, and of all behind `seenTo`. */
  readonly places: readonly Place[];
  /** Rows behind `seenTo` that are no items of their own: table and rowid. */
  readonly skipped: readonly (readonly [string, number])[];
}

/** Writes rows through a connection of its own, elsewhere than on this thread. Nobody else here writes meanwhile. */
export interface RowWriter {
  /**
   * Tasks in their order, and those of one call behind those of the call before. Where one of them has to be planned again, so has all behind
   * it. All or some of it was written where it rejects: nobody knows; nothing is behind it.
   */
  write(tasks: readonly RowTask[]): Promise<Written>;
  /** Its connection's `data_version`: the same for as long as no other connection commits. */
  version(): Promise<number>;
  end(): Promise<void>;
}

/** Rows of one transaction, with full-text search some 60 ms. */
const TRANSACTION_ROWS = 500;
/** Some 16 MiB: what is written again and again is copied back once. */
const CHECKPOINT_PAGES = 4_000;
/** Whoever waits for the lock asks at least every 100 ms: after so much work nothing is written for longer than that. */
const WORK_MS = 1_500;
const REST_MS = 120;

/** A writer that knows of the database what it is told, and what it writes itself. Throws where it cannot be opened. */
export function createRowWriter(
  { file, seenTo, places, skipped }: WriterStart,
  { profile, clock }: Pick<RowsContext, 'profile' | 'clock'>,
): RowWriter {
  const database = createRowDatabase(file, profile, clock, { isHeldByOthers: () => true, checkpointPages: CHECKPOINT_PAGES });
  if (database.look() === 'missing') throw new Error('the database is not there');
  const context: WriteContext = { database, limits: ROWS_LIMITS, memory: { index: new RowIndex(), seenTo: new Map(seenTo) } };
  const { index, seenTo: seen } = context.memory;
  for (const place of places) index.set(place);
  for (const [table, rowid] of skipped) index.skip(table, rowid, { digest: '', reason: '', repeats: null });
  let restedAt = clock.now();
  let workedAt = restedAt;
  const turns = new Mutex();

  const rest = async (): Promise<void> => {
    const now = clock.now();
    if (Math.abs(now - workedAt) >= REST_MS) restedAt = now;
    if (Math.abs(now - restedAt) < WORK_MS) return;
    await clock.sleep(REST_MS);
    restedAt = clock.now();
  };

  const note = (tasks: readonly RowTask[], written: Written): void => {
    for (const [position, result] of written.results.entries()) {
      if (result.type === 'put') index.set(result.place);
      else if (result.type === 'removed') index.delete((tasks[position] as RowTask).name);
    }
    for (const [table, rowid] of written.seenTo) seen.set(table, rowid);
  };

  /**
   * What was planned as a whole and not written is known by the numbers behind it, which nobody got: what was planned behind it is not
   * written either.
   */
  let isTorn = false;
  let failure: { readonly error: unknown } | null = null;

  const inTurn = async (tasks: readonly RowTask[]): Promise<Written> => {
    if (failure !== null) throw failure.error;
    if (isTorn) return { results: tasks.map(() => ({ type: 'plan-again' })), seenTo: new Map() };
    try {
      const written = await writeParts(tasks);
      isTorn = written.results.some(({ type }) => type === 'plan-again');
      return written;
    } catch (error) {
      failure = { error };
      throw error;
    }
  };

  const writeParts = async (tasks: readonly RowTask[]): Promise<Written> => {
    const results: Written['results'][number][] = [];
    const reached = new Map<string, number>();
    for (let from = 0; from < tasks.length; from += TRANSACTION_ROWS) {
      await rest();
      if (database.look() !== 'same') throw new Error('another database is in its place');
      const part = tasks.slice(from, from + TRANSACTION_ROWS);
      const written = await writeRows(context, part, true);
      workedAt = clock.now();
      note(part, written);
      results.push(...written.results);
      for (const [table, rowid] of written.seenTo) reached.set(table, rowid);
    }
    return { results, seenTo: reached };
  };

  return {
    async write(tasks) {
      const written = await turns.run(() => inTurn(tasks));
      // While it goes to the disk, what comes behind it is written.
      await database.flush();
      return written;
    },
    version: () => Promise.resolve(database.version()),
    end: () =>
      turns.run(async () => {
        try {
          if (database.look() === 'same') database.checkpoint();
        } finally {
          database.close();
        }
        await Promise.resolve();
      }),
  };
}
