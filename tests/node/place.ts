import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import type { CopyAnswer } from '../../src/node/copied-store/settle-copy.ts';
import type { HubServerLimits } from '../../src/gateways/native/limits.ts';
import { SatchelNode } from '../../src/node/node.ts';
import type { OperationInput, OperationName, OperationOutput } from '../../src/node/operations/table.ts';
import { operationRoutes } from '../../src/node/operations/routes.ts';
import { runOperation } from '../../src/node/operations/run.ts';

export interface StartOptions {
  readonly hub?: boolean;
  readonly live?: boolean;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What a copied store is to be. */
  readonly copy?: CopyAnswer;
  readonly limits?: Partial<HubServerLimits>;
}

/** Homes of several machines in one temporary folder, each with a node that a test starts and ends. */
export class Place {
  readonly root: string;
  readonly #open = new Map<string, SatchelNode>();
  readonly #closing: { close(): void }[] = [];
  private constructor(root: string) {
    this.root = root;
  }

  static async create(): Promise<Place> {
    return new Place(await mkdtemp(path.join(tmpdir(), 'satchel-node-')));
  }

  home(machine: string): string {
    return path.join(this.root, machine);
  }

  /** Opens a machine's node; `live` makes it listen (on a free port) and sync by itself. */
  async start(machine: string, { hub = false, live = true, port = 0, copy, limits, env = {} }: StartOptions = {}): Promise<SatchelNode> {
    await mkdir(path.join(this.home(machine), '.claude'), { recursive: true });
    const environment = readEnvironment({ HOME: this.home(machine), SATCHEL_PORT: `${port}`, SATCHEL_LOG_LEVEL: 'silent', ...env });
    if (!environment.ok) throw new Error('bad environment');
    const config = await loadConfig(environment.value, hub ? { hub: true } : {});
    if (!config.ok) throw new Error(JSON.stringify(config.error));
    const node = await SatchelNode.open(config.value, { version: '0.0.0-test', routes: operationRoutes, copy, limits });
    this.#open.set(machine, node);
    if (!hub && live && node.spaces.size === 0) await node.ensurePersonalSpace();
    if (live) await node.start();
    return node;
  }

  async stop(machine: string): Promise<void> {
    await this.#open.get(machine)?.close();
    this.#open.delete(machine);
  }

  /** The machine is lost with all that was on it. */
  async lose(machine: string): Promise<void> {
    await this.stop(machine);
    await rm(this.home(machine), { recursive: true });
  }

  /** Whole at once: a watching node captures what it sees. */
  async write(machine: string, text: string, name = 'CLAUDE.md'): Promise<void> {
    const folder = path.join(this.home(machine), '.claude');
    await mkdir(folder, { recursive: true });
    const fresh = path.join(this.home(machine), 'fresh');
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(fresh, text);
    await rename(fresh, path.join(folder, name));
  }

  read(machine: string, name = 'CLAUDE.md'): Promise<string> {
    return readFile(path.join(this.home(machine), '.claude', name), 'utf8');
  }

  /** Closes it before the nodes end. */
  closing<T extends { close(): void }>(opened: T): T {
    this.#closing.push(opened);
    return opened;
  }

  async dispose(): Promise<void> {
    for (const each of this.#closing) each.close();
    for (const machine of [...this.#open.keys()]) await this.stop(machine);
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Asks as a command would. */
export async function ask<N extends OperationName>(
  node: SatchelNode,
  name: N,
  input: OperationInput<N>,
  say: (line: string) => void = () => undefined,
): Promise<OperationOutput<N>> {
  const context = { progress: () => undefined, say, signal: new AbortController().signal };
  return (await runOperation(node, name, input, context)) as OperationOutput<N>;
}
