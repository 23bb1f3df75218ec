import type { CarriedRows } from '../../sources/claude-mem/claude-mem-profile.ts';
import type { RowWriter, WriterStart } from '../../sources/sqlite-rows/row-writer.ts';
import type { Written } from '../../sources/sqlite-rows/write-rows.ts';
import type { TaskOf } from './tasks.ts';
import { createThreadPool, threadScript } from './thread-pool.ts';

/** Longer than anything happens between two batches: with the thread its connection would go. */
const IDLE_MS = 10 * 60_000;

/** Writers of rows, each on a thread of its own until it ends; `undefined` where the program runs from its sources. */
export function createThreadedRows(carried: CarriedRows): ((start: WriterStart) => Promise<RowWriter | null>) | undefined {
  const script = threadScript();
  if (script === null) return undefined;
  const { toolUses, sessionsOnly = false } = carried;
  return async (start) => {
    const pool = createThreadPool(script, 1, IDLE_MS);
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
        } finally {
          await pool.close();
        }
      },
    };
  };
}
