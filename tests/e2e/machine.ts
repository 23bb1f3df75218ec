import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A start may wait a minute for a command that holds the store, and machines may be busy. */
const START_LIMIT = 120_000;

/** A machine of its own: an empty HOME, and the built program, as a user has them. */
export class Machine {
  readonly name: string;
  readonly home: string;
  /** What the next command and the next start run. */
  program: string;
  #node: ChildProcess | null = null;
  #output = '';
  readonly #children = new Set<ChildProcess>();
  readonly #env: NodeJS.ProcessEnv;

  constructor(root: string, name: string, program: string, env: NodeJS.ProcessEnv = {}) {
    this.#env = env;
    this.name = name;
    this.home = mkdtempSync(path.join(root, `${name}-`));
    this.program = program;
    mkdirSync(this.claude, { recursive: true });
  }

  get claude(): string {
    return path.join(this.home, '.claude');
  }

  get store(): string {
    return path.join(this.home, '.satchel');
  }

  /** What its commands find in their environment: nothing of ours. */
  get env(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'], HOME: this.home, SATCHEL_PORT: '0', ...this.#env };
  }

  /** What the running node printed. */
  get output(): string {
    return this.#output;
  }

  get pid(): number | undefined {
    return this.#node?.pid;
  }

  write(name: string, body: string): void {
    const file = path.join(this.claude, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, body);
  }

  /** `null` where there is no such file. */
  read(name: string): string | null {
    try {
      return readFileSync(path.join(this.claude, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], input = ''): Promise<Outcome> {
    const child = this.#spawn(args);
    const outcome = { stdout: '', stderr: '' };
    child.stdout?.on('data', (part: Buffer) => (outcome.stdout += part.toString()));
    child.stderr?.on('data', (part: Buffer) => (outcome.stderr += part.toString()));
    child.stdin?.on('error', () => undefined); // a command that reads nothing may be gone by now
    child.stdin?.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...outcome };
  }

  /** Runs a command with --json and gives its document. Throws where it failed. */
  async ask<T>(args: readonly string[], input = ''): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], input);
    const value = stdout.trim() === '' ? null : (JSON.parse(stdout) as T & { readonly error?: unknown });
    if (value === null || value.error !== undefined)
      throw new Error(`${this.name}: satchel ${args.join(' ')} ended with ${code}: ${stdout}${stderr}${this.ending()}`);
    return value;
  }

  /** Starts `up`, or another command that stays, and waits until the node answers. */
  async start(args: readonly string[] = ['up', '--port', '0'], input = ''): Promise<void> {
    this.#output = '';
    const node = this.#spawn(args);
    this.#node = node;
    node.stdin?.end(input);
    for (const stream of [node.stdout, node.stderr]) stream?.on('data', (part: Buffer) => (this.#output += part.toString()));
    await until(
      `${this.name} is up`,
      () => {
        if (node.exitCode !== null) throw new Error(`${this.name}: satchel ${args.join(' ')} ended with ${node.exitCode}: ${this.#output}`);
        return this.#output.includes('Ctrl-C');
      },
      START_LIMIT,
    );
  }

  /** Where the node ended by itself: how, and what it said. */
  ending(): string {
    const node = this.#node;
    if (node === null || (node.exitCode === null && node.signalCode === null)) return '';
    return `\nIts node had ended (${node.signalCode ?? node.exitCode}): ${this.#output}`;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const node = this.#node;
    this.#node = null;
    if (node === null || node.exitCode !== null || node.signalCode !== null) return;
    node.kill(signal);
    await once(node, 'exit');
  }

  /** Ends all that runs here: the node, and commands of a test that failed. */
  async kill(): Promise<void> {
    const ended = [...this.#children].map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
  }

  #spawn(args: readonly string[]): ChildProcess {
    const { env } = this;
    const child = spawn(process.execPath, [this.program, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }
}

/** Waits for something that happens in its own time; fails loudly when it does not within `limit` milliseconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limit = 20_000): Promise<void> {
  const end = performance.now() + limit;
  do {
    if (await holds()) return;
    await sleep(20);
  } while (performance.now() < end);
  throw new Error(`waited in vain: ${what}`);
}

/** A folder for machines, removed by what it returns. */
export function makeRoot(): { readonly root: string; readonly remove: () => void } {
  const root = mkdtempSync(path.join(tmpdir(), 'satchel-e2e-'));
  return { root, remove: () => rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}
