import type { FileProblem, WriteOptions } from '../../core/ports/files.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Place } from '../../sources/files/node-place.ts';
import type { AheadRead, FileThreads, ThreadWrite } from '../../sources/files/file-threads.ts';
import { inOneTurn } from './one-turn.ts';
import { piecesOf, slabOf } from './slab.ts';
import type { AnswerOf } from './tasks.ts';
import type { ThreadPool } from './thread-pool.ts';

interface Waiting {
  readonly place: Place;
  readonly path: string;
  readonly body: Uint8Array;
  readonly options: WriteOptions;
  readonly done: (write: ThreadWrite) => void;
  readonly failed: (reason: Error) => void;
}

/** Files in one message, at the least: enough to be worth it. More where there are more, so that each thread has some. */
const AT_ONCE = 16;

async function answerAll(queue: readonly Waiting[], asked: Promise<AnswerOf<'write'>>): Promise<void> {
  try {
    const { written, dirty } = await asked;
    for (const [index, { done, failed }] of queue.entries()) {
      const outcome = written[index];
      if (outcome === undefined) failed(new Error('the thread gave no answer'));
      else done({ written: outcome, dirty });
    }
  } catch (error) {
    for (const { failed } of queue) failed(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Files written and read by the threads of a pool; what is asked for in one turn of the event loop goes as one message. */
export function createFileThreads(pool: ThreadPool): FileThreads {
  const writeSoon = inOneTurn<Waiting>((all) => {
    for (const place of new Set(all.map((each) => each.place))) {
      const waiting = all.filter((each) => each.place === place);
      const size = Math.max(AT_ONCE, Math.ceil(waiting.length / pool.threads));
      for (let at = 0; at < waiting.length; at += size) sendAll(place, waiting.slice(at, at + size));
    }
  });

  function sendAll(place: Place, queue: readonly Waiting[]): void {
    const bodies = slabOf(queue.map(({ body }) => body));
    const files = queue.map(({ path, options }) => ({ path, options }));
    void answerAll(queue, pool.ask('write', { place, bodies, files }, [bodies.bytes.buffer]));
  }

  return {
    write: (place, path, body, options) => new Promise((done, failed) => writeSoon({ place, path, body, options, done, failed })),
    async read(place, paths) {
      const { files, small } = await pool.ask('read', { place, paths });
      const pieces = piecesOf(small).values();
      return files.map((file): Result<AheadRead, FileProblem> => {
        if (!file.ok) return file;
        const bytes = file.value.bytes ?? pieces.next().value;
        return bytes === undefined ? fail({ type: 'io', message: 'the thread gave no answer' }) : ok({ ...file.value, bytes });
      });
    },
  };
}
