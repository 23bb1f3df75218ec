import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { GLIBC_VARIABLES, NODE_FLAGS } from '../../../src/node/service/thrift.ts';
import { plainEnvironment, run, runMeasured, type Finished } from '../measured-process.ts';

/** The built program: BENCH_SATCHEL, or dist/ of the nearest folder above that has one. */
export function findProgram(): string | null {
  const given = process.env['BENCH_SATCHEL'];
  if (given !== undefined && given !== '') return given;
  for (let folder = path.dirname(fileURLToPath(import.meta.url)); ; folder = path.dirname(folder)) {
    const program = path.join(folder, 'dist', 'cli', 'main.js');
    if (existsSync(program)) return program;
    if (folder === path.dirname(folder)) return null;
  }
}

/** A machine with a HOME of its own. Its node runs between `up` and `down`; commands work either way. */
export class SatchelMachine {
  readonly home: string;
  readonly #program: string;
  /** Whether its Claude home is where CLAUDE_CONFIG_DIR says: an empty one, so that nothing but its tree is carried. */
  #isAside = true;
  /** Where claude-mem's database is; null: nowhere. */
  #memories: string | null = null;
  #node: ChildProcess | null = null;

  private constructor(program: string, home: string) {
    this.#program = program;
    this.home = home;
  }

  /** `tree`: the folder that it carries, besides an empty Claude home. */
  static async make(program: string, home: string, tree: string | null): Promise<SatchelMachine> {
    await mkdir(path.join(home, '.claude'), { recursive: true });
    await mkdir(path.join(home, '.satchel'), { mode: 0o700 });
    const machine = new SatchelMachine(program, home);
    await machine.carry(tree);
    return machine;
  }

  /** From the next start of its node or command on. */
  async carry(tree: string | null): Promise<void> {
    const sources = tree === null ? [] : [{ id: 'tree', path: tree }];
    await writeFile(path.join(this.home, '.satchel', 'config.json'), JSON.stringify({ port: 0, sources }), { mode: 0o600 });
  }

  /** From the next start of its node or command on, its Claude home is this folder, and it carries nothing else. */
  async live(claudeHome: string): Promise<void> {
    await this.carry(null);
    await rm(path.join(this.home, '.claude'), { recursive: true });
    await symlink(claudeHome, path.join(this.home, '.claude'));
    this.#isAside = false;
  }

  /** From the next start of its node or command on, claude-mem's database is in this folder. */
  remember(memories: string): void {
    this.#memories = memories;
  }

  get pid(): number {
    const { pid } = this.#node ?? {};
    if (pid === undefined) throw new Error('no node runs here');
    return pid;
  }

  /** One command to its end. Throws with its output where it fails. */
  async command(...words: readonly string[]): Promise<string> {
    return (await run([process.execPath, this.#program, ...words], { env: this.#environment })).stdout;
  }

  measured(...words: readonly string[]): Promise<Finished> {
    return runMeasured([process.execPath, this.#program, ...words], { env: this.#environment });
  }

  /** Starts the node, with what the service unit sets for it, and resolves when it listens. */
  async up(...flags: readonly string[]): Promise<void> {
    const node = spawn(process.execPath, [...NODE_FLAGS, this.#program, 'up', '--yes', ...flags], {
      env: { ...plainEnvironment(), ...this.#environment, ...GLIBC_VARIABLES },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#node = node;
    await new Promise<void>((resolve, reject) => {
      let printed = '';
      node.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        if (printed.includes('Ctrl-C')) resolve();
      });
      node.once('error', reject);
      node.once('exit', (code) => reject(new Error(`satchel up ended with ${code}: ${printed}`)));
    });
  }

  async down(): Promise<void> {
    const node = this.#node;
    this.#node = null;
    if (node === null || node.exitCode !== null || node.signalCode !== null) return;
    const ended = new Promise((resolve) => node.once('exit', resolve));
    node.kill('SIGTERM');
    await ended;
  }

  /** Ends its node at once, where one runs. */
  kill(): void {
    this.#node?.kill('SIGKILL');
  }

  /** Where its running node listens, and the token to ask it. */
  async running(): Promise<{ readonly address: string; readonly token: string }> {
    const { address } = JSON.parse(await readFile(path.join(this.home, '.satchel', 'running.json'), 'utf8')) as { address: string };
    return { address, token: (await readFile(path.join(this.home, '.satchel', 'api-token'), 'utf8')).trim() };
  }

  /** Asks its running node for an operation without input, as a thin command does, in this process. */
  async ask(operation: string): Promise<void> {
    const { address, token } = await this.running();
    const answer = await fetch(`${address}/v1/node/${operation}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    });
    const text = await answer.text();
    if (!answer.ok || !text.includes('"result"')) throw new Error(`${operation} ended with ${answer.status}: ${text}`);
  }

  /** A link of its node, by way of another port: as if a proxy stood in front. */
  async invite(port: number, ...flags: readonly string[]): Promise<string> {
    const { link } = JSON.parse(await this.command('invite', '--json', ...flags)) as { link: string };
    return `http://127.0.0.1:${port}${link.slice(link.lastIndexOf('#'))}`;
  }

  get #environment(): Record<string, string> {
    return {
      HOME: this.home,
      SATCHEL_HOME: path.join(this.home, '.satchel'),
      CLAUDE_CONFIG_DIR: this.#isAside ? path.join(this.home, '.claude') : '',
      CLAUDE_MEM_DATA_DIR: this.#memories ?? path.join(this.home, '.claude-mem'),
    };
  }
}
