import { IndexDamaged, type TextIndex } from '../../core/ports/text-index.ts';
import { createThreadPool, threadScript } from './thread-pool.ts';
import type { TaskOf } from './tasks.ts';

/** Longer than anything happens between two questions: with the thread its connection would go. */
const IDLE_MS = 10 * 60_000;

/**
 * Opens an index on a thread of its own, which ends when it is closed: nothing that is indexed or looked for makes others wait, and its memory
 * goes with it. In this thread where the program runs from its sources. Throws IndexDamaged. Cost: some 40 ms.
 */
export async function openThreadedIndex(file: string): Promise<TextIndex> {
  const script = threadScript();
  if (script === null) return (await import('../../store/text-index/sqlite-text-index.ts')).openTextIndex(file);
  const pool = createThreadPool(script, 1, IDLE_MS);
  const ask = async <T>(task: TaskOf<'index'>): Promise<T> => {
    const answer = await pool.ask('index', task);
    if ('damaged' in answer) throw new IndexDamaged(answer.damaged);
    if ('full' in answer) throw Object.assign(new Error(answer.full), { code: 'ENOSPC' });
    return answer.value as T;
  };
  try {
    await ask({ step: 'open', file });
  } catch (error) {
    await pool.close();
    throw error;
  }
  const method =
    <M extends Exclude<keyof TextIndex, 'close'>>(step: M) =>
    (...given: Parameters<TextIndex[M]>): ReturnType<TextIndex[M]> =>
      ask({ step, given }) as ReturnType<TextIndex[M]>;
  return {
    mark: method('mark'),
    spaces: method('spaces'),
    held: method('held'),
    heldOf: method('heldOf'),
    unsettled: method('unsettled'),
    called: method('called'),
    write: method('write'),
    removeSpace: method('removeSpace'),
    search: method('search'),
    wordsWith: method('wordsWith'),
    passages: method('passages'),
    around: method('around'),
    values: method('values'),
    async close() {
      try {
        await ask({ step: 'close', given: [] });
      } finally {
        await pool.close();
      }
    },
  };
}
