import type { WriteOptions } from '../../core/ports/files.ts';
import type { Place } from '../../sources/files/node-place.ts';
import type { FileThreads, ThreadWrite } from '../../sources/files/file-threads.ts';
import type { AnswerOf } from './tasks.ts';
import type { ThreadPool } from './thread-pool.ts';

interface Waiting {
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
  const queues = new Map<Place, Waiting[]>();

  function send(place: Place): void {
    const waiting = queues.get(place) ?? [];
    queues.delete(place);
    const size = Math.max(AT_ONCE, Math.ceil(waiting.length / pool.threads));
    for (let at = 0; at < waiting.length; at += size) sendAll(place, waiting.slice(at, at + size));
  }

  function sendAll(place: Place, queue: readonly Waiting[]): void {
    const bytes = new Uint8Array(queue.reduce((sum, { body }) => sum + body.length, 0));
    let offset = 0;
    for (const { body } of queue) {
      bytes.set(body, offset);
      offset += body.length;
    }
    const files = queue.map(({ path, body, options }) => ({ path, length: body.length, options }));
    void answerAll(queue, pool.ask('write', { place, bytes, files }, [bytes.buffer]));
  }

  return {
    write: (place, path, body, options) =>
      new Promise((done, failed) => {
        const queue = queues.get(place) ?? [];
        if (queue.length === 0) {
          queues.set(place, queue);
          setImmediate(send, place);
        }
        queue.push({ path, body, options, done, failed });
      }),
    read: (place, paths) => pool.ask('read', { place, paths }),
  };
}
