import { loadConfig } from '../../config/config.ts';
import type { MnemeConfig } from '../../config/schema.ts';
import { askMnemeServer } from '../mneme/ask-server.ts';
import { mnemeRemedy } from '../mneme/no-projects.ts';
import { readMnemeClient } from '../mneme/connection.ts';
import { mnemeState, type MnemeStatus } from '../mneme/mneme-state.ts';
import { readMnemeSettings } from '../mneme/settings.ts';
import type { NodeHome } from '../home.ts';
import type { SatchelNode } from '../node.ts';
import { failed, passed, warned, type Check } from './check.ts';

/** The mneme gateway, where it is on: whether it listens, and who is let in. And this machine's client, where it syncs. */
export async function checkMneme(node: SatchelNode): Promise<Check[]> {
  // The node may have been told otherwise since it read it.
  const read = await loadConfig(node.config.environment);
  const mneme = read.ok ? read.value.mneme : node.config.mneme;
  const state = await mnemeState(node, mneme);
  return [
    ...(mneme.enabled ? await checkGateway(node, mneme, state) : []),
    ...(await checkMnemeClient({ home: node.home, userHome: node.config.environment.userHome, isLive: node.isLive }, state.client)),
  ];
}

async function checkGateway(node: SatchelNode, configured: MnemeConfig, state: MnemeStatus): Promise<Check[]> {
  const { config, mneme, isLive } = node;
  const settings = await readMnemeSettings({ mneme: configured, environment: config.environment });
  if (!settings.ok)
    return [failed('mneme.settings', 'medium', `mneme is not served: ${settings.error}`, 'Correct it there, and run: satchel mneme serve')];
  const checks: Check[] = [];
  if (mneme.problem !== null) checks.push(failed('mneme.listens', 'medium', `mneme is not served: ${mneme.problem}`, mnemeRemedy(node)));
  else if (isLive && mneme.address !== null) checks.push(passed('mneme.listens', `mneme is served at ${mneme.address}`));
  if (state.keys === 'none')
    checks.push(
      warned(
        'mneme.open',
        'medium',
        'every program and user of this machine may read and change mneme’s memory: "apiKeys" is []',
        'Take "apiKeys" out of the configuration, and run: satchel mneme connect',
      ),
    );
  return checks;
}

const RECONNECT = 'Run: satchel mneme connect; or, to have Satchel carry its files without: satchel mneme disconnect';
const NOT_OURS = 'Correct "sync" in that file, or run: satchel mneme connect';

/** What the client syncs with must be there: nothing else carries its four files. A machine without a node may have one, too. */
export async function checkMnemeClient(
  { home, userHome, isLive }: { readonly home: NodeHome; readonly userHome: string; readonly isLive: boolean },
  { problem }: { readonly problem: string | null },
): Promise<Check[]> {
  const { url, key, connected } = await readMnemeClient(home, userHome);
  if (url === null) return [];
  const evidence = [`~/.claude-mneme/config.json: "serverUrl" is ${url}`, 'log, memories, entities and summaries are left to that sync'];
  const bad = (reason: string, next: string): Check[] => [
    failed('mneme.client', 'medium', `mneme’s settings have it sync with ${url}, and it cannot: ${reason}`, next, evidence),
  ];
  if (problem !== null) return bad(problem, RECONNECT);
  if (connected === 'here' && !isLive) return []; // that the node does not run is said
  const answer = await ask(url, key);
  if (answer === 'fine') return [passed('mneme.client', `mneme syncs with ${url}`)];
  const next = connected === 'here' ? RECONNECT : connected === null ? NOT_OURS : 'Start that server, or run: satchel mneme disconnect';
  return bad(answer === 'unknown-key' ? 'it does not know the key' : answer.unreachable, next);
}

/** As the client does, except that no key travels in clear text. */
async function ask(url: string, key: string | null): ReturnType<typeof askMnemeServer> {
  if (!URL.canParse(url)) return { unreachable: 'that is no address' };
  const { protocol, hostname, origin } = new URL(url);
  const isSafe = protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const answer = await askMnemeServer(origin, isSafe ? key : null);
  return answer === 'unknown-key' && !isSafe ? 'fine' : answer;
}
