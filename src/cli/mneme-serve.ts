import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { nodeHome, type NodeHome } from '../node/home.ts';
import { moveMnemeConnection, undoMnemeConnection } from '../node/mneme/connection.ts';
import { CommandFailure, defineCommand, type CommandContext } from './frame-command.ts';
import { saysClient, saysWhere, saysWho } from './mneme-lines.ts';
import { printable } from './output-style.ts';
import { undoneWords } from './undone-words.ts';

const NAME_LENGTH = 128;

export const serveVerb = defineCommand({
  summary: 'Be the sync server of mneme’s clients, and show who may',
  options: {
    port: { type: 'number', value: 'PORT', summary: 'listen on this port from now on (default 3847)', min: 0, max: 65_535 },
    name: { type: 'text', value: 'TEXT', summary: 'make a token for the machine of this name; it is shown once' },
    project: { type: 'list', value: 'ID', summary: 'open only this project to that token (default: all)' },
    revoke: { type: 'text', value: 'TOKEN-ID', summary: 'take a token back' },
    off: { type: 'flag', summary: 'serve no longer; what was pushed stays' },
  },
  examples: [
    'satchel mneme serve',
    'satchel mneme serve --name laptop > token',
    'satchel mneme serve --name work --project -home-me-app',
    'satchel mneme serve --off',
  ],
  notes:
    'The node (satchel up) serves from now on, on loopback. ~/.mneme-server/config.json is read where it is there; "mneme" in config.json goes before it.\nWhere the output goes into a file or a pipe, --name prints the token there and nothing else.\nWhere this machine’s own client is connected, --off disconnects it, and --port leads it to the new address.\nTo only look: satchel mneme status.\nJSON: {enabled, url, listening, problem, keys, tokens: [{id, name, projects, created_at}], client: {installed, url, connected, problem}, token (null without --name): {id, token, name, projects}}.',
  async run(context) {
    const { port, name, project, revoke, off } = context.options;
    if (name !== undefined && name.length > NAME_LENGTH) throw usage(`--name takes at most ${NAME_LENGTH} characters`, 'Shorten it');
    if (name === undefined && project.length > 0) throw usage('--project says what a new token opens', 'Give it a --name');
    if (off && (port !== undefined || name !== undefined)) throw usage('--off goes alone', 'Leave the others out');
    const home = nodeHome(context.environment.home);
    const lines: string[] = [];
    if (revoke !== undefined) lines.push(...(await takeTokenBack(context, revoke)));
    const made =
      name === undefined
        ? null
        : await askNode(context, 'mneme-token-add', { name, projects: project.length > 0 ? [...project] : null, unique: true });
    // Taking a token back is no reason to begin.
    const enabled = off ? false : revoke === undefined ? true : undefined;
    const given = { ...(enabled === undefined ? {} : { enabled }), ...(port === undefined ? {} : { port }) };
    let status = await askNode(context, 'mneme-serve', given).catch(async (error: unknown) => {
      // Nobody was shown it: under its name there would be a token that no machine has.
      if (made !== null) await askNode(context, 'mneme-token-remove', { id: made.id });
      throw error;
    });
    // This machine's own client follows, or nothing would carry its files.
    const { connected, problem } = status.client;
    if (connected === 'here' && (off || (enabled === true && problem !== null))) {
      lines.push(off ? await disconnectOwn(context, home) : await moveOwn(context, home, status.url));
      status = await askNode(context, 'mneme-status', {});
    }
    lines.unshift(context.asCalled(saysWhere(status)));
    lines.push(...saysWho(status, context.style));
    if (status.client.problem !== null) lines.push(context.asCalled(saysClient(status.client, context.style)));
    const json = { ...status, token: made };
    if (made === null) return { human: lines.join('\n'), json };
    lines.push(`Token of ${printable(made.name)}, shown this once:`);
    // A file for `connect` on another machine holds the token alone.
    return { human: [...lines, made.token].join('\n'), bytes: Buffer.from(`${made.token}\n`), aside: lines.join('\n'), json };
  },
});

async function takeTokenBack(context: CommandContext, id: string): Promise<string[]> {
  const { tokens } = await askNode(context, 'mneme-status', {});
  const { removed } = await askNode(context, 'mneme-token-remove', { id });
  if (!removed)
    throw new CommandFailure(EXIT.usage, 'no-such-token', 'there is no token of that id', { next: 'Run: satchel mneme status' });
  return [`Took back the token of ${printable(tokens.find((token) => token.id === id)?.name ?? id)}.`];
}

async function disconnectOwn(context: CommandContext, home: NodeHome): Promise<string> {
  const undone = await undoMnemeConnection(home);
  if (!undone.ok || undone.value === null) return 'This machine’s client could not be disconnected.';
  const { tokenId } = undone.value;
  if (tokenId !== null) await askNode(context, 'mneme-token-remove', { id: tokenId });
  return `claude-mneme on this machine is disconnected, and Satchel carries its files by itself: ${undoneWords(undone.value)}`;
}

async function moveOwn(context: CommandContext, home: NodeHome, url: string): Promise<string> {
  const moved = await moveMnemeConnection(home, context.environment.userHome, url);
  if (moved !== null && !moved.ok) return `This machine’s client could not be told: ${printable(moved.error)}`;
  return `claude-mneme on this machine syncs with ${printable(url)}, from its next session on.`;
}

function usage(message: string, next: string): CommandFailure {
  return new CommandFailure(EXIT.usage, 'usage', message, { next });
}
