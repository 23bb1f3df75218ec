import type { CarriedRows } from '../../sources/claude-mem/claude-mem-profile.ts';
import type { RowWriter, WriterStart } from '../../sources/sqlite-rows/row-writer.ts';
import type { Written } from '../../sources/sqlite-rows/row-task.ts';
import type { TaskOf } from './tasks.ts';
import { createThreadPool, threadScript, type ThreadPool } from './thread-pool.ts';

/** Longer than anything happens between two batches: with the thread its connection would go. */
const IDLE_MS = 10 * 60_000;
/** What is received in many pages is written by one writer after another: to start a thread for each takes longer than some of them write. */
const SPARE_MS = 2_000;

/** Writers of rows, each alone on a thread until it ends; `undefined` where the program runs from its sources. */
export function createThreadedRows(carried: CarriedRows): ((start: WriterStart) => Promise<RowWriter | null>) | undefined {
  const script = threadScript();
  if (script === null) return undefined;
  const { toolUses, sessionsOnly = false } = carried;
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
  return async (start) => {
    const pool = takeThread();
    const ask = (task: TaskOf<'rows'>, transfer: ArrayBuffer[] = []): ReturnType<typeof pool.ask<'rows'>> =>
      pool.ask('rows', task, transfer);
    try {
      await ask({ step: 'begin', start, carried: { toolUses, sessionsOnly } });
    } catch {
      await pool.close(); // whatever it was, whoever writes here instead meets it
      return null;
    }
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
      async end() {
        try {
          await ask({ step: 'end' });
        } catch (error) {
          await pool.close(); // with what it holds
          throw error;
        }
        await keepThread(pool);
      },
    };
  };
}
