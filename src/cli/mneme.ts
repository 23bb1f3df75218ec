import path from 'node:path';
import { nodeHome } from '../node/home.ts';
import { readMnemeConnection, undoMnemeConnection, writeMnemeConnection } from '../node/mneme/connection.ts';
import type { MnemeStatus } from '../node/operations/mneme.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandSpec } from './frame-command.ts';
import { printable, type Style } from './output-style.ts';
import { renderTable } from './output-table.ts';

const NAME_LENGTH = 128;
/** Longer than any token. */
const TOKEN_BYTES = 4_096;

const serve = defineCommand({
  summary: 'Be the sync server of mneme’s clients, and show who may',
  options: {
    port: { type: 'number', value: 'PORT', summary: 'listen on this port from now on (default 3847)', min: 0, max: 65_535 },
    name: { type: 'text', value: 'TEXT', summary: 'make a token for the machine of this name; it is shown once' },
    project: { type: 'list', value: 'ID', summary: 'open only this project to that token (default: all)' },
    revoke: { type: 'text', value: 'TOKEN-ID', summary: 'take a token back' },
    off: { type: 'flag', summary: 'serve no longer; what was pushed stays' },
  },
  examples: ['satchel mneme serve', 'satchel mneme serve --name laptop --project -home-me-app', 'satchel mneme serve --off'],
  notes:
    'The node (satchel up) serves from now on, on loopback. ~/.mneme-server/config.json is read where it is there; "mneme" in config.json goes before it.\nJSON: {enabled, url, listening, problem, keys, tokens: [{id, name, projects, created_at}], token (null without --name): {id, token, name, projects}}.',
  async run(context) {
    const { port, name, project, revoke, off } = context.options;
    if (name !== undefined && name.length > NAME_LENGTH) throw usage(`--name takes at most ${NAME_LENGTH} characters`, 'Shorten it');
    if (name === undefined && project.length > 0) throw usage('--project says what a new token opens', 'Give it a --name');
    if (off && (port !== undefined || name !== undefined)) throw usage('--off goes alone', 'Leave the others out');
    if (revoke !== undefined) {
      const { removed } = await askNode(context, 'mneme-token-remove', { id: revoke });
      if (!removed)
        throw new CommandFailure(EXIT.usage, 'no-such-token', 'there is no token of that id', { next: 'Run: satchel mneme serve' });
    }
    const made =
      name === undefined ? null : await askNode(context, 'mneme-token-add', { name, projects: project.length > 0 ? [...project] : null });
    // Taking a token back is no reason to begin.
    const enabled = off ? false : revoke === undefined ? true : undefined;
    const status = await askNode(context, 'mneme-serve', {
      ...(enabled === undefined ? {} : { enabled }),
      ...(port === undefined ? {} : { port }),
    });
    const lines = [saysWhere(status), ...saysWho(status, context.style)];
    if (made !== null) lines.push(`Token of ${printable(made.name)}, shown this once:`, made.token);
    return { human: lines.join('\n'), json: { ...status, token: made } };
  },
});

const connect = defineCommand({
  summary: 'Have this machine’s mneme sync with a server',
  options: {
    server: { type: 'text', value: 'URL', summary: 'another node’s gateway (default: this machine’s node); its token is read from stdin' },
  },
  examples: ['satchel mneme connect', 'satchel mneme connect --server https://mneme.example < token'],
  notes: 'Writes "sync" into ~/.claude-mneme/config.json and nothing else; satchel mneme disconnect undoes it.\nJSON: {file, url}.',
  async run(context) {
    const home = nodeHome(context.environment.home);
    const before = await readMnemeConnection(home);
    const server = context.options.server === undefined ? await ownServer(context) : await foreignServer(context, context.options.server);
    const connected = await writeMnemeConnection(home, context.environment.userHome, server);
    if (!connected.ok) {
      if (server.tokenId !== null) await askNode(context, 'mneme-token-remove', { id: server.tokenId });
      throw leftAlone(connected.error);
    }
    if (before?.tokenId != null && before.tokenId !== server.tokenId) await askNode(context, 'mneme-token-remove', { id: before.tokenId });
    const { file, url } = connected.value;
    return { human: `mneme syncs with ${printable(url)}, from its next session on.`, json: { file, url } };
  },
});

const disconnect = defineCommand({
  summary: 'Undo what connect wrote',
  examples: ['satchel mneme disconnect'],
  notes: 'JSON: {disconnected, file (null: it was not connected)}.',
  async run(context) {
    const undone = await undoMnemeConnection(nodeHome(context.environment.home));
    if (!undone.ok) throw leftAlone(undone.error);
    const connection = undone.value;
    if (connection === null) return { human: 'mneme was not connected.', json: { disconnected: false, file: null } };
    if (connection.tokenId !== null) await askNode(context, 'mneme-token-remove', { id: connection.tokenId });
    return { human: 'mneme’s settings are as they were.', json: { disconnected: true, file: connection.file } };
  },
});

const importProjects = defineCommand({
  summary: 'Take over what the first mneme server kept',
  arguments: { folder: { summary: 'its data folder (default: ~/.mneme-server, or "dataDir" of its config.json)' } },
  examples: ['satchel mneme import', 'satchel mneme import /srv/mneme'],
  notes: 'Nothing is changed there, and it is safe to repeat.\nJSON: {folder, projects, files, bad: [{file, reason}]}.',
  async run(context) {
    const folder = context.args.folder === undefined ? null : path.resolve(context.args.folder);
    const result = await askNode(context, 'mneme-import', { folder });
    const lines = [`Imported ${counted(result.files, 'file')} of ${counted(result.projects, 'project')}.`];
    for (const { file, reason } of result.bad) lines.push(`Left alone: ${printable(file)} ${printable(reason)}`);
    return { human: lines.join('\n'), json: result, ...(result.bad.length > 0 ? { exit: EXIT.failed } : {}) };
  },
});

interface Server {
  readonly url: string;
  readonly key: string | null;
  /** Of a token at this machine's own node. */
  readonly tokenId: string | null;
}

async function ownServer(context: CommandContext): Promise<Server> {
  const { url, keys } = await askNode(context, 'mneme-serve', { enabled: true });
  if (keys === 'none') return { url, key: null, tokenId: null };
  const { id, token } = await askNode(context, 'mneme-token-add', { name: 'this machine', projects: null });
  return { url, key: token, tokenId: id };
}

async function foreignServer(context: CommandContext, server: string): Promise<Server> {
  const url = serverUrl(server);
  const key = (await context.readStdin(TOKEN_BYTES)).trim();
  if (key === '')
    throw new CommandFailure(EXIT.usage, 'no-token', 'the token of that server is read from standard input', {
      next: 'Have it made there: satchel mneme serve --name NAME',
    });
  return { url, key, tokenId: null };
}

/** Clients drop whatever stands behind the port. */
function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  if (!isPlain || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new CommandFailure(EXIT.usage, 'bad-address', 'expected the address of a server, without credentials and without a path', {
      next: 'Give it as that node’s `satchel mneme serve` prints it, such as https://mneme.example',
    });
  if (url.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(url.hostname))
    throw new CommandFailure(EXIT.refused, 'plain-http', 'a token does not travel over plain http, except on this machine', {
      next: 'Give the address of its TLS: https://…',
    });
  return url.origin;
}

function leftAlone(reason: string): CommandFailure {
  return new CommandFailure(EXIT.failed, 'bad-settings', `mneme’s config.json was left alone: ${reason}`, {
    next: 'Mend or move it away, and run this again',
  });
}

function saysWhere({ enabled, listening, url, problem }: MnemeStatus): string {
  if (!enabled) return 'mneme is not served.';
  if (problem !== null) return `mneme is not served: ${printable(problem)}`;
  return listening ? `Serving mneme at ${url}` : `mneme is served at ${url} once the node runs: satchel up`;
}

function saysWho({ enabled, keys, tokens }: MnemeStatus, style: Style): string[] {
  const lines: string[] = [];
  if (enabled && keys === 'none') lines.push('Everybody on this machine is let in: "apiKeys" is [].');
  if (enabled && keys === 'file') lines.push('Keys that stand in the configuration file open all projects.');
  if (tokens.length === 0) return lines;
  const columns = [{ title: 'TOKEN' }, { title: 'FOR' }, { title: 'PROJECTS' }];
  const rows = tokens.map(({ id, name, projects }) => [id, name, projects === null ? 'all' : projects.join(', ')]);
  return [...lines, renderTable(columns, rows, style.dim)];
}

function usage(message: string, next: string): CommandFailure {
  return new CommandFailure(EXIT.usage, 'usage', message, { next });
}

export const mnemeCommand: CommandSpec = {
  summary: 'The sync server of mneme’s clients, by this node.',
  verbs: { serve, connect, disconnect, import: importProjects },
};
