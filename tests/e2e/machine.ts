import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject, TestRunner } from 'vitest';
import { PATIENCE } from '../setup/patience.ts';
import { keepingCode } from './keeping-code.ts';
import type * as RunHere from './run-here.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of a node that is asked how it is after something failed: it may hang. */
const STATUS_LIMIT = 30_000;
const LAST_LINES = 40;
const WRITE_TRIES = 100;
/**
 * Milliseconds. Who saves a file in the very moment in which another version of it takes its place may have made it from the one before:
 * a node takes that for a conflict. Nobody is that fast, and a test that waits for the other version is.
 */
const REST = 50;
/** How many times as long as it took to look nobody looks again. */
const LOOKS_REST = 4;
/** What a node says that gave up waiting (src/cli/stop-signals.ts). */
export const STUCK = 'something that was begun does not end';

/** Those that run in this test, for what is said when it fails. */
const machines = new Set<Machine>();

/** A machine of its own: an empty HOME, and the built program, as a user has them. */
export class Machine {
  readonly name: string;
  readonly home: string;
  /** What the next command and the next start run. */
  program: string;
  #node: ChildProcess | null = null;
  #output = '';
  #isDescribed = false;
  readonly #children = new Set<ChildProcess>();
  readonly #env: NodeJS.ProcessEnv;

  constructor(root: string, name: string, program: string, env: NodeJS.ProcessEnv = {}) {
    this.#env = env;
    this.name = name;
    this.home = mkdtempSync(path.join(root, `${name}-`));
    this.program = program;
    mkdirSync(this.claude, { recursive: true });
    machines.add(this);
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

  /** Whole at once: a node that watches captures what it sees, be it half of it where the machine is busy. */
  write(name: string, body: string): void {
    const file = path.join(this.claude, name);
    const fresh = `${this.home}-fresh`; // where nobody looks
    writeFileSync(fresh, body);
    for (let tries = 1; ; tries++) {
      try {
        mkdirSync(path.dirname(file), { recursive: true });
        return renameSync(fresh, file);
      } catch (error) {
        // A node that deletes the last file of a folder removes the folder, be it between these two.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === WRITE_TRIES) throw error;
      }
    }
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

  /** The names of all files below its `.claude`, slash-separated. What goes away meanwhile is not there. */
  files(folder = ''): string[] {
    try {
      return readdirSync(path.join(this.claude, folder), { withFileTypes: true }).flatMap((entry) => {
        const name = path.posix.join(folder, entry.name);
        return entry.isDirectory() ? this.files(name) : entry.isFile() ? [name] : [];
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], input = '', env = this.env): Promise<Outcome> {
    const child = this.#spawn(args, env);
    const outcome = { stdout: '', stderr: '' };
    child.stdout?.on('data', (part: Buffer) => (outcome.stdout += part.toString()));
    child.stderr?.on('data', (part: Buffer) => (outcome.stderr += part.toString()));
    child.stdin?.on('error', () => undefined); // a command that reads nothing may be gone by now
    child.stdin?.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...outcome };
  }

  /** Commands as of a shell that lacks some variables of the node's. */
  without(...names: readonly string[]): (args: readonly string[]) => Promise<Outcome> {
    const env = Object.fromEntries(Object.entries(this.#env).filter(([name]) => !names.includes(name)));
    return (args) => this.run(args, '', { PATH: process.env['PATH'], HOME: this.home, SATCHEL_PORT: '0', ...env });
  }

  /**
   * As `run`, of a command that only asks the node: while that runs, in this process, from the same build. Most of what a process of its
   * own costs is its start. Of the program it leaves out src/cli/main.ts alone, and how a process begins and ends.
   */
  async runAsking(args: readonly string[], input = ''): Promise<Outcome> {
    const isHere = this.#node !== null && this.ending() === '' && this.program === inject('program');
    return isHere ? this.#runHere(args, input) : this.run(args, input);
  }

  /** Runs a command that only asks the node with --json, as `runAsking` does, and gives its document. Throws where it failed. */
  async ask<T>(args: readonly string[], input = ''): Promise<T> {
    const { code, stdout, stderr } = await this.runAsking([...args, '--json'], input);
    const value = stdout.trim() === '' ? null : (JSON.parse(stdout) as T & { readonly error?: unknown });
    if (value === null || value.error !== undefined)
      throw new Error(`${this.name}: satchel ${args.join(' ')} ended with ${code}: ${stdout}${stderr}${this.ending()}`);
    return value;
  }

  /** Starts `up`, or another command that stays, and waits until the node answers. */
  async start(args: readonly string[] = ['up', '--port', '0'], input = ''): Promise<void> {
    this.#output = '';
    machines.add(this);
    const node = this.#spawn(args);
    this.#node = node;
    node.stdin?.end(input);
    for (const stream of [node.stdout, node.stderr]) stream?.on('data', (part: Buffer) => (this.#output += part.toString()));
    await until(`${this.name} is up`, () => {
      const code = node.exitCode ?? node.signalCode;
      if (code !== null) throw new Error(`${this.name}: satchel ${args.join(' ')} ended with ${code}: ${this.#output}`);
      return this.#output.includes('Ctrl-C');
    });
  }

  /** Kills the commands that run, and no node, as soon as something holds; where they end before, that is it. */
  async killWhen(holds: () => Promise<boolean>): Promise<void> {
    const commands = [...this.#children].filter((child) => child !== this.#node);
    await until(`${this.name} is to be killed`, async () => commands.every((child) => child.exitCode !== null) || (await holds()), {
      every: 1,
      rest: 0,
    });
    for (const child of commands) child.kill('SIGKILL');
  }

  /** Where the node ended by itself: how, and what it said. */
  ending(): string {
    const node = this.#node;
    if (node === null || (node.exitCode === null && node.signalCode === null)) return '';
    return `\nIts node had ended (${node.signalCode ?? node.exitCode}): ${this.#output}`;
  }

  /** Throws where it had to cut something off in order to end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const node = this.#node;
    this.#node = null;
    if (node === null || node.exitCode !== null || node.signalCode !== null) return;
    node.kill(signal);
    await once(node, 'exit');
    if (this.#output.includes(STUCK)) throw new Error(`${this.name} did not end by itself: ${this.#output}`);
  }

  /** How it is, and what it said last: for whoever reads why a test failed. Never throws. */
  async describe(): Promise<string> {
    this.#isDescribed = true;
    const said = [...(await this.#status()), ...['node.log', 'node.log.old'].flatMap((file) => this.#logged(file))];
    const node = this.#node;
    const state =
      node === null ? 'no node of it was left running' : this.ending() || `its node runs, and printed: ${lastLines(this.#output)}`;
    return [`--- ${this.name}: ${state}`, ...said].join('\n');
  }

  /** Ends all that runs here: the node, and commands of a test that failed. */
  async kill(): Promise<void> {
    if (hasFailed() && machines.has(this) && !this.#isDescribed) console.error(await this.describe());
    machines.delete(this);
    const ended = [...this.#children].map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
  }

  async #status(): Promise<string[]> {
    if (this.#node === null || this.ending() !== '') return [];
    const child = this.#spawn(['status', '--json']);
    const limit = setTimeout(() => child.kill('SIGKILL'), STATUS_LIMIT);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (said += part.toString()));
    await once(child, 'close');
    clearTimeout(limit);
    return [`its status: ${said.trim() === '' ? `none within ${STATUS_LIMIT} ms` : said.trim()}`];
  }

  #logged(file: string): string[] {
    try {
      return [`the end of its ${file}: ${lastLines(readFileSync(path.join(this.store, file), 'utf8'))}`];
    } catch {
      return []; // it has none
    }
  }

  async #runHere(args: readonly string[], input: string): Promise<Outcome> {
    const { runHere } = (await import(path.join(path.dirname(this.program), 'here.js'))) as typeof RunHere;
    return runHere(args, this.home, input, this.env);
  }

  #spawn(args: readonly string[], env = this.env): ChildProcess {
    const flags = this.program === inject('program') ? keepingCode(this.program, args[0]) : [];
    const child = spawn(process.execPath, [...flags, this.program, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }
}

/**
 * Waits for something that happens in its own time; fails loudly when it does not within `limit` milliseconds, with what
 * all machines of the test say of themselves by then.
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { limit = PATIENCE.timeout, every, rest = REST }: { readonly limit?: number; readonly every?: number; readonly rest?: number } = {},
): Promise<void> {
  const end = performance.now() + limit;
  let looks = 0;
  do {
    looks += 1;
    const began = performance.now();
    if (await holds()) return void (looks > 1 && (await sleep(rest)));
    // Who looks by a command leaves the machine to what is waited for as long as that took.
    await sleep(every ?? Math.max(REST, LOOKS_REST * (performance.now() - began)));
  } while (performance.now() < end);
  throw new Error(`waited in vain, ${limit} ms and ${looks} looks: ${what}\n${await describeMachines()}`);
}

/** Not where nobody tests. */
function hasFailed(): boolean {
  return TestRunner.getCurrentTest()?.result?.state === 'fail';
}

async function describeMachines(): Promise<string> {
  return (await Promise.all([...machines].map((machine) => machine.describe()))).join('\n');
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
}

/** A folder for machines, removed by what it returns. */
export function makeRoot(): { readonly root: string; readonly remove: () => void } {
  const root = mkdtempSync(path.join(tmpdir(), 'satchel-e2e-'));
  return { root, remove: () => rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}
