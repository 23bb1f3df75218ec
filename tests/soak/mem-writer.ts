import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface MemDeed {
  readonly deed: 'put' | 'edit' | 'delete';
  readonly table: string;
  readonly key: string;
  readonly value: string | null;
}

export interface MemDeedAt extends MemDeed {
  /** When it was done, `Date.now()` of the writer. */
  readonly at: number;
}

const PROGRAM = path.join(import.meta.dirname, 'mem-writer-process.mjs');

/** A process that fills a database at once, then works on it as claude-mem's worker does, and keeps a journal of what it committed. */
export class MemWriter {
  readonly journal: MemDeedAt[] = [];
  readonly failures: string[] = [];
  /** The longest that a transaction took, its wait for the lock included, ms. */
  longest = 0;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(file: string, seed: number, pauseMs: number, fill: number) {
    const child = spawn(process.execPath, [PROGRAM, file, String(seed), String(pauseMs), String(fill)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#process = child;
    child.stderr?.on('data', (part: Buffer) => void this.failures.push(part.toString()));
    if (child.stdout === null) throw new Error('a writer without an output');
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (text) => {
      const line = JSON.parse(text) as {
        readonly at: number;
        readonly ms: number;
        readonly did?: readonly MemDeed[];
        readonly failed?: string;
      };
      this.longest = Math.max(this.longest, line.ms);
      this.journal.push(...(line.did ?? []).map((deed) => ({ ...deed, at: line.at })));
      if (line.failed !== undefined) this.failures.push(line.failed);
    });
    this.#ended = Promise.all([once(child, 'exit'), once(lines, 'close')]);
  }

  /** So many transactions more, with its pauses between them. */
  allow(transactions: number): void {
    this.#process.stdin?.write('.'.repeat(transactions));
  }

  /** After its transaction under way. */
  async stop(): Promise<void> {
    this.#process.stdin?.end();
    await this.#ended;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
