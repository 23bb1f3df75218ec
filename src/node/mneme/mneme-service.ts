import path from 'node:path';
import type { MnemeConfig } from '../../config/schema.ts';
import { createTokenBook, type TokenBook } from '../../core/token-book.ts';
import type { MachineId } from '../../core/ids.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Grant } from '../../gateways/mneme/keys.ts';
import type { ProjectSpaces } from '../../gateways/mneme/spaces.ts';
import { writePrivate } from '../home.ts';
import type { SatchelNode } from '../node.ts';
import type { ServedMneme } from './serve-mneme.ts';
import { whyNoProjects } from './no-projects.ts';
import { createMachineTokens, type MachineTokens } from './machine-tokens.ts';
import { readMnemeSettings } from './settings.ts';

/** The mneme gateway of a node: off until it is asked for. */
export interface MnemeService {
  readonly tokens: TokenBook<Grant>;
  /** The same, as people make them for machines and take them back. */
  readonly machines: MachineTokens;
  /** Where projects are kept: one object, since it makes what is missing. */
  spaces(): Promise<ProjectSpaces>;
  /** Where it listens; `null` while it does not. */
  readonly address: string | null;
  /** Why it does not, though it was asked to. */
  readonly problem: string | null;
  /** Where the first token was stored, that this start made. */
  readonly tokenFile: string | null;
  /** Listens, as the configuration says; anew, where it does already. The error says why not. */
  start(mneme: MnemeConfig): Promise<Result<string, string>>;
  stop(): Promise<void>;
}

const TOKENS = 'mneme-tokens';
const TOKEN_PREFIX = 'mneme_';

export function createMnemeService(node: SatchelNode): MnemeService {
  const { store, deps } = node;
  const tokens = createTokenBook<Grant>({ store, clock: deps.clock, random: deps.random, collection: TOKENS, prefix: TOKEN_PREFIX });
  let opened: Promise<ProjectSpaces> | null = null;
  let served: ServedMneme | null = null;
  let problem: string | null = null;
  let tokenFile: string | null = null;

  const spaces = (): Promise<ProjectSpaces> => (opened ??= openProjects(node));

  /** Without a key nobody gets in: whoever starts it for the first time finds one in a file. */
  async function ensureToken(): Promise<void> {
    if ((await tokens.list()).length > 0) return;
    const { token } = await tokens.add('first', { projects: null });
    const file = path.join(node.home.root, 'mneme-token');
    await writePrivate(file, `${token}\n`);
    tokenFile = file;
    node.log.info({ file }, 'made a token for mneme; it is stored in this file');
  }

  async function begin(mneme: MnemeConfig): Promise<Result<string, string>> {
    const unservable = whyNoProjects(node);
    if (unservable !== null) return fail(unservable.reason);
    const settings = await readMnemeSettings({ mneme, environment: node.config.environment });
    if (!settings.ok) return settings;
    try {
      const { serveMneme } = await import('./serve-mneme.ts'); // commands do not serve
      served = await serveMneme(node, settings.value, { tokens, spaces: await spaces() });
    } catch (error) {
      return fail(await listenProblem(error, settings.value, deps.machine.key.machine));
    }
    if (settings.value.apiKeys === null) await ensureToken();
    node.log.info({ address: served.address }, 'serves mneme');
    return ok(served.address);
  }

  async function stop(): Promise<void> {
    const closing = served;
    served = null;
    problem = null;
    await closing?.close();
  }

  return {
    tokens,
    machines: createMachineTokens({ store, tokens }),
    spaces,
    get address() {
      return served?.address ?? null;
    },
    get problem() {
      return problem;
    },
    get tokenFile() {
      return tokenFile;
    },
    async start(mneme) {
      await stop();
      const begun = await begin(mneme);
      problem = begun.ok ? null : begun.error;
      if (!begun.ok) node.log.error({ reason: begun.error }, 'mneme is not served');
      return begun;
    },
    stop,
  };
}

/** Loaded where they are used: commands do not serve. */
async function openProjects(node: SatchelNode): Promise<ProjectSpaces> {
  return node.config.hub
    ? (await import('./hub-projects.ts')).createHubProjects(node)
    : (await import('./personal-projects.ts')).createPersonalProjects(node);
}

async function listenProblem(error: unknown, address: { readonly host: string; readonly port: number }, own: MachineId): Promise<string> {
  const { code, message } = error as NodeJS.ErrnoException;
  const { port } = address;
  if (code === 'EADDRINUSE') return `port ${port} is taken by ${await (await import('../who-listens.ts')).takenBy(address, own)}`;
  if (code === 'EACCES') return `this user may not listen on port ${port}`;
  return message;
}
