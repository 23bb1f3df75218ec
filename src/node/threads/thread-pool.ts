import { existsSync } from 'node:fs';
import { Worker, type TransferListItem } from 'node:worker_threads';
import type { AnswerMessage, AnswerOf, TaskMessage, TaskOf, TaskType } from './tasks.ts';

/** Where the build puts the compiled thread.ts; `null` where the program runs from its sources. */
export function threadScript(): URL | null {
  const script = new URL('./thread.js', import.meta.url);
  return existsSync(script) ? script : null;
}

/** A thread that has had nothing to do for so long ends, and gives its memory back. */
const IDLE_MS = 1_000;

/** Threads that do what the main one is too busy for. */
export interface ThreadPool {
  /** At the most. */
  readonly threads: number;
  /** Whether one is there already. */
  readonly isWarm: boolean;
  /** Rejects where the thread fails, or ends meanwhile. `transfer` is handed over, not copied. */
  ask<T extends TaskType>(type: T, task: TaskOf<T>, transfer?: readonly TransferListItem[]): Promise<AnswerOf<T>>;
  close(): Promise<void>;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, { done: (answer: AnswerOf<TaskType>) => void; failed: (reason: Error) => void }>;
  idle: NodeJS.Timeout | null;
}

/** Threads are started when they are needed, up to `threads`. Cost: about 20 ms and 15 MB a thread. */
export function createThreadPool(script: URL, threads: number, idleMs = IDLE_MS): ThreadPool {
  const running = new Set<Thread>();
  let number = 0;

  function start(): Thread {
    const worker = new Worker(script);
    worker.unref();
    const thread: Thread = { worker, waiting: new Map(), idle: null };
    const end = (reason: Error): void => {
      running.delete(thread);
      for (const { failed } of thread.waiting.values()) failed(reason);
      thread.waiting.clear();
    };
    worker.on('message', (message: AnswerMessage) => {
      const asked = thread.waiting.get(message.number);
      thread.waiting.delete(message.number);
      if ('problem' in message) asked?.failed(new Error(message.problem));
      else asked?.done(message.answer);
      if (thread.waiting.size > 0) return;
      worker.unref();
      thread.idle = setTimeout(() => void worker.terminate(), idleMs);
      thread.idle.unref();
    });
    worker.on('error', end);
    worker.on('exit', () => end(new Error('the thread ended')));
    running.add(thread);
    return thread;
  }

  /** The least busy one; a new one where all are busy and more may run. */
  function choose(): Thread {
    const [first] = [...running].toSorted((a, b) => a.waiting.size - b.waiting.size);
    return first === undefined || (first.waiting.size > 0 && running.size < threads) ? start() : first;
  }

  return {
    threads,
    get isWarm() {
      return running.size > 0;
    },
    ask<T extends TaskType>(type: T, task: TaskOf<T>, transfer: readonly TransferListItem[] = []) {
      const thread = choose();
      if (thread.idle !== null) clearTimeout(thread.idle);
      thread.worker.ref();
      number += 1;
      const asked = number;
      return new Promise<AnswerOf<T>>((done, failed) => {
        thread.waiting.set(asked, { done: done as (answer: AnswerOf<TaskType>) => void, failed });
        thread.worker.postMessage({ number: asked, type, task } satisfies TaskMessage<T>, transfer);
      });
    },
    async close() {
      await Promise.all(Array.from(running, ({ worker }) => worker.terminate()));
    },
  };
}
