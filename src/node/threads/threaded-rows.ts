import type { CarriedRows } from '../../sources/claude-mem/claude-mem-profile.ts';
import type { ReaderStart, RowPage, RowReader } from '../../sources/sqlite-rows/row-reader.ts';
import type { RowWriter, WriterStart } from '../../sources/sqlite-rows/row-writer.ts';
import type { Written } from '../../sources/sqlite-rows/row-task.ts';
import type { TaskOf } from './tasks.ts';
import { createThreadPool, threadScript, type ThreadPool } from './thread-pool.ts';

/** Longer than anything happens between two batches: with the thread its connection would go. */
const IDLE_MS = 10 * 60_000;
/** What is received in many pages is written by one writer after another: to start a thread for each takes longer than some of them write. */
const SPARE_MS = 2_000;

/** Readers and writers of rows, each alone on a thread until it ends. `null`: none can begin now. */
export interface ThreadedRows {
  readonly read: (start: ReaderStart) => Promise<RowReader | null>;
  readonly write: (start: WriterStart) => Promise<RowWriter | null>;
}

/** `undefined` where the program runs from its sources. */
export function createThreadedRows(carried: CarriedRows): ThreadedRows | undefined {
  const script = threadScript();
  if (script === null) return undefined;
  const { toolUses, sessionsOnly = false } = carried;
  const chosen = { toolUses, sessionsOnly };
  let spare: { readonly pool: ThreadPool; readonly timer: NodeJS.Timeout } | null = null;
  const takeThread = (): ThreadPool => {
    if (spare === null) return createThreadPool(script, 1, IDLE_MS);
    const { pool, timer } = spare;
    clearTimeout(timer);
    spare = null;
    return pool;
  };
  const keepThread = async (pool: ThreadPool): Promise<void> => {
    if (spare !== null) return pool.close();
    const timer = setTimeout(() => {
      spare = null;
      void pool.close();
    }, SPARE_MS);
    timer.unref();
    spare = { pool, timer };
  };
  /** `null` where it fails: whatever it was, whoever does it here instead meets it. */
  const begin = async (first: (pool: ThreadPool) => Promise<unknown>): Promise<ThreadPool | null> => {
    const pool = takeThread();
    try {
      await first(pool);
      return pool;
    } catch {
      await pool.close();
      return null;
    }
  };
  const end = async (pool: ThreadPool, last: () => Promise<unknown>): Promise<void> => {
    try {
      await last();
    } catch (error) {
      await pool.close(); // with what it holds
      throw error;
    }
    await keepThread(pool);
  };

  return {
    async read(start) {
      const pool = await begin((thread) => thread.ask('pages', { step: 'begin', start, carried: chosen }));
      if (pool === null) return null;
      return {
        next: async (table) => (await pool.ask('pages', { step: 'next', table })) as RowPage,
        end: () => end(pool, () => pool.ask('pages', { step: 'end' })),
      };
    },
    async write(start) {
      const pool = await begin((thread) => thread.ask('rows', { step: 'begin', start, carried: chosen }));
      if (pool === null) return null;
      const ask = (task: TaskOf<'rows'>, transfer: ArrayBuffer[] = []): ReturnType<typeof pool.ask<'rows'>> =>
        pool.ask('rows', task, transfer);
      return {
        async write(rows) {
          const bytes = new Uint8Array(rows.reduce((sum, { body }) => sum + (body?.length ?? 0), 0));
          let offset = 0;
          const tasks = rows.map(({ body, ...row }) => {
            bytes.set(body ?? [], offset);
            offset += body?.length ?? 0;
            return { ...row, length: body?.length ?? null };
          });
          return (await ask({ step: 'write', tasks, bytes }, [bytes.buffer])) as Written;
        },
        version: async () => (await ask({ step: 'version' })) as number,
        end: () => end(pool, () => ask({ step: 'end' })),
      };
    },
  };
}
