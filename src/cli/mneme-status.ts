import type { MnemeStatus } from '../node/mneme/mneme-state.ts';
import { isStarted, nodeHome } from '../node/home.ts';
import { readMnemeClient } from '../node/mneme/connection.ts';
import { askNode } from './ask-node.ts';
import { defineCommand, type CommandContext } from './frame-command.ts';
import { saysClient, saysWhere, saysWho } from './mneme-lines.ts';

export const statusVerb = defineCommand({
  summary: 'Whether mneme is served, to whom, and what this machine’s client does; changes nothing',
  examples: ['satchel mneme status', 'satchel mneme'],
  notes:
    'Tokens are named, never shown.\nJSON: {enabled, url, listening, problem, keys, tokens: [{id, name, projects, created_at}], client: {installed, url, connected: "here"|"elsewhere"|null, problem}}.',
  async run(context) {
    const { style, asCalled } = context;
    const status = await askStatus(context);
    const lines = [asCalled(saysWhere(status)), ...saysWho(status, style), asCalled(saysClient(status.client, style))];
    return { human: lines.join('\n'), json: status };
  },
});

/** A machine may be connected to another's node without one of its own. */
async function askStatus(context: CommandContext): Promise<MnemeStatus> {
  const home = nodeHome(context.environment.home);
  if (await isStarted(home)) return askNode(context, 'mneme-status', {});
  const { installed, url, connected } = await readMnemeClient(home, context.environment.userHome);
  const client = { installed, url, connected, problem: null };
  return { enabled: false, url: '', listening: false, problem: null, keys: 'tokens', tokens: [], client };
}
