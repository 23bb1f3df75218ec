import type { MnemeConfig } from '../../config/schema.ts';
import type { SatchelNode } from '../node.ts';
import { readMnemeClient, type MnemeClientState } from './connection.ts';
import { readMnemeSettings } from './settings.ts';

export interface MnemeTokenLine {
  readonly id: string;
  readonly name: string;
  /** `null`: all projects. */
  readonly projects: readonly string[] | null;
  readonly created_at: number;
}

export interface MnemeStatus {
  readonly enabled: boolean;
  /** What clients are to be given as `serverUrl`; where the node does not run, what it will be. */
  readonly url: string;
  readonly listening: boolean;
  /** Why it does not listen, though it is to. */
  readonly problem: string | null;
  /** Who gets in: whoever shows a token, or a key that a file names, or everybody on this machine. */
  readonly keys: 'tokens' | 'file' | 'none';
  readonly tokens: readonly MnemeTokenLine[];
  readonly client: MnemeClientLine;
}

/** claude-mneme on this machine. */
export interface MnemeClientLine {
  readonly installed: boolean;
  /** The server that its settings have it sync with; `null`: with none, and its files are carried as others are. */
  readonly url: string | null;
  /** That `connect` wrote it so: with this node, or elsewhere. */
  readonly connected: 'here' | 'elsewhere' | null;
  /** Why it cannot sync there, as far as this node knows without asking. Nothing carries its four files then. */
  readonly problem: string | null;
}

/** How the gateway of a node stands, and this machine's client to it. `mneme`: as config.json says by now. */
export async function mnemeState(node: SatchelNode, mneme: MnemeConfig): Promise<MnemeStatus> {
  const { environment } = node.config;
  const settings = await readMnemeSettings({ mneme, environment });
  const { host, port, apiKeys } = settings.ok ? settings.value : { host: '', port: 0, apiKeys: null };
  const tokens = await node.mneme.tokens.list();
  const served = {
    enabled: mneme.enabled,
    url: reachable(node.mneme.address ?? (settings.ok ? `http://${host.includes(':') ? `[${host}]` : host}:${port}` : '')),
    listening: node.mneme.address !== null,
    problem: settings.ok ? node.mneme.problem : settings.error,
    keys: apiKeys === null ? ('tokens' as const) : apiKeys.length === 0 ? ('none' as const) : ('file' as const),
    tokens: tokens.map(({ id, name, projects, createdAt }) => ({ id, name, projects, created_at: createdAt })),
  };
  const client = await readMnemeClient(node.home, environment.userHome);
  const { installed, url, connected } = client;
  return { ...served, client: { installed, url, connected, problem: clientProblem(client, served, node.isLive) } };
}

/** What came between a client that was connected to this node, and the node. */
function clientProblem({ url, connected, tokenId }: MnemeClientState, served: Omit<MnemeStatus, 'client'>, isLive: boolean): string | null {
  if (url === null || connected !== 'here') return null;
  if (!served.enabled) return `this node does not serve mneme any more`;
  // A port that the system chooses is known while the node listens.
  const isKnown = served.listening || (!isLive && !served.url.endsWith(':0'));
  if (isKnown && served.url !== url) return `this node serves mneme at ${served.url} now`;
  if (isLive && !served.listening) return `this node cannot serve it: ${served.problem ?? 'it does not listen'}`;
  if (tokenId !== null && served.keys !== 'none' && !served.tokens.some(({ id }) => id === tokenId)) return 'its token was taken back';
  return null;
}

/** One that listens everywhere is reached on this machine by its own name. */
function reachable(address: string): string {
  return address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
