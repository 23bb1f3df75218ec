import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { sealChunks } from '../core/crypto/seal-chunks.ts';
import type { ObjectId, SpaceId } from '../core/ids.ts';
import type { Compression } from '../core/ports/compression.ts';
import type { SealedChunk, Sealing } from '../core/ports/sealing.ts';

/** Where the build puts the compiled sealing-thread.ts; `null` where the program runs from its sources. */
export function sealingScript(): URL | null {
  const script = new URL('./sealing-thread.js', import.meta.url);
  return existsSync(script) ? script : null;
}

/** What a thread is asked; keys are handed on within the process only. */
export interface SealingTask {
  readonly number: number;
  readonly body: Uint8Array;
  readonly space: SpaceId;
  readonly keyId: number;
  readonly gear: Uint32Array;
  readonly mac: Uint8Array;
  readonly enc: Uint8Array;
  readonly epoch: Uint8Array;
}

export type SealingAnswer =
  | { readonly number: number; readonly chunks: readonly { readonly id: ObjectId; readonly bytes: Uint8Array; readonly length: number }[] }
  | { readonly number: number; readonly problem: string };

export interface SealingThreadsOptions {
  readonly compression: Compression;
  /** The compiled sealing-thread.ts; `null`: there is none, and all is sealed on this thread. */
  readonly script: URL | null;
  readonly threads?: number;
}

/** Below it the way to another thread costs more than it spares. */
const WORTH_BYTES = 1024 * 1024;
/** A thread that has had nothing to do for so long ends, and gives its memory back. */
const IDLE_MS = 1_000;

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, { done: (chunks: readonly SealedChunk[]) => void; failed: (reason: Error) => void }>;
  idle: NodeJS.Timeout | null;
}

/**
 * Seals large bodies on other threads, started when they are needed; the rest, and whatever a thread fails at, on this
 * one. Cost: a copy of the body, about 20 ms and 15 MB a thread.
 */
export function createSealingThreads({ compression, script, threads = 2 }: SealingThreadsOptions): Sealing {
  const running = new Set<Thread>();
  let number = 0;

  function start(url: URL): Thread {
    const worker = new Worker(url);
    worker.unref();
    const thread: Thread = { worker, waiting: new Map(), idle: null };
    const end = (reason: Error): void => {
      running.delete(thread);
      for (const { failed } of thread.waiting.values()) failed(reason);
      thread.waiting.clear();
    };
    worker.on('message', (answer: SealingAnswer) => {
      const asked = thread.waiting.get(answer.number);
      thread.waiting.delete(answer.number);
      if ('problem' in answer) asked?.failed(new Error(answer.problem));
      else asked?.done(answer.chunks.map(({ id, bytes, length }) => ({ object: { id, bytes }, length })));
      if (thread.waiting.size > 0) return;
      worker.unref();
      thread.idle = setTimeout(() => void worker.terminate(), IDLE_MS);
      thread.idle.unref();
    });
    worker.on('error', end);
    worker.on('exit', () => end(new Error('the thread ended')));
    running.add(thread);
    return thread;
  }

  /** The least busy one; a new one where all are busy and more may run. */
  function choose(url: URL): Thread {
    const [first] = [...running].toSorted((a, b) => a.waiting.size - b.waiting.size);
    return first === undefined || (first.waiting.size > 0 && running.size < threads) ? start(url) : first;
  }

  function ask(url: URL, task: Omit<SealingTask, 'number'>): Promise<readonly SealedChunk[]> {
    const thread = choose(url);
    if (thread.idle !== null) clearTimeout(thread.idle);
    thread.worker.ref();
    number += 1;
    const asked = number;
    return new Promise((done, failed) => {
      thread.waiting.set(asked, { done, failed });
      thread.worker.postMessage({ ...task, number: asked } satisfies SealingTask, []);
    });
  }

  return {
    async chunks(body, space, keyId, keys) {
      const epoch = keys.epoch(keyId);
      const here = (): Promise<SealedChunk[]> => sealChunks(body, space, keyId, keys, compression);
      if (script === null || epoch === undefined || body.length < WORTH_BYTES) return here();
      // Of a part of a buffer the whole buffer would be copied.
      const own = body.byteLength === body.buffer.byteLength ? body : Uint8Array.from(body);
      const task = { body: own, space, keyId, gear: keys.gear, mac: epoch.mac, enc: epoch.enc, epoch: epoch.epoch };
      return ask(script, task).catch(here);
    },
    async close() {
      await Promise.all(Array.from(running, ({ worker }) => worker.terminate()));
    },
  };
}
