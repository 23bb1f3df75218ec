import { existsSync } from 'node:fs';
import path from 'node:path';
import { askMnemeServer } from '../node/mneme/ask-server.ts';
import { nodeHome } from '../node/home.ts';
import {
  mnemeHome,
  readMnemeConnection,
  readMnemeKey,
  undoMnemeConnection,
  writeMnemeConnection,
  type MnemeConnection,
} from '../node/mneme/connection.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext } from './frame-command.ts';
import { printable } from './output-style.ts';
import { readToken } from './read-token.ts';
import { undoneWords } from './undone-words.ts';

const MAKE_ONE = 'Have it made there, alone in a file: satchel mneme serve --name NAME > token';

export const connectVerb = defineCommand({
  summary: 'Have this machine’s mneme sync with a server',
  options: {
    server: { type: 'text', value: 'URL', summary: 'another node’s gateway (default: this machine’s node); its token is read from stdin' },
    offline: { type: 'flag', summary: 'do not ask that server first, as when it is only away' },
  },
  examples: [
    'satchel mneme connect',
    'satchel mneme connect --server https://mneme.example < token',
    'satchel mneme connect --server https://mneme.example --offline < token',
  ],
  notes:
    'Writes "sync" into ~/.claude-mneme/config.json and nothing else; satchel mneme disconnect undoes it. A server given with --server is asked first whether it is there and knows the token.\nJSON: {file, url}.',
  async run(context) {
    const home = nodeHome(context.environment.home);
    const isInstalled = existsSync(mnemeHome(context.environment.userHome));
    const before = await readMnemeConnection(home);
    const { server: address, offline } = context.options;
    if (address === undefined && offline)
      throw new CommandFailure(EXIT.usage, 'usage', '--offline is about a --server', { next: 'Leave it out: this machine’s node is here' });
    const server = address === undefined ? await ownServer(context, before) : await foreignServer(context, address, offline);
    const connected = await writeMnemeConnection(home, context.environment.userHome, server);
    if (!connected.ok) {
      if (server.tokenId !== null && server.tokenId !== before?.tokenId)
        await askNode(context, 'mneme-token-remove', { id: server.tokenId });
      throw leftAlone(connected.error);
    }
    if (before?.tokenId != null && before.tokenId !== server.tokenId) await askNode(context, 'mneme-token-remove', { id: before.tokenId });
    const { file, url } = connected.value;
    const note = isInstalled
      ? {}
      : { note: `claude-mneme has not run here (there was no ${printable(path.dirname(file))}): this is for when it does.` };
    return { human: `mneme syncs with ${printable(url)}, from its next session on.`, ...note, json: { file, url } };
  },
});

export const disconnectVerb = defineCommand({
  summary: 'Undo what connect wrote',
  examples: ['satchel mneme disconnect'],
  notes: 'What somebody changed there since stays, and is named.\nJSON: {disconnected, file (null: it was not connected), left, kept}.',
  async run(context) {
    const undone = await undoMnemeConnection(nodeHome(context.environment.home));
    if (!undone.ok) throw leftAlone(undone.error);
    const connection = undone.value;
    if (connection === null) return { human: 'mneme was not connected.', json: { disconnected: false, file: null, left: [], kept: null } };
    if (connection.tokenId !== null) await askNode(context, 'mneme-token-remove', { id: connection.tokenId });
    const { file, left, kept } = connection;
    return { human: `mneme is disconnected: ${undoneWords(connection)}`, json: { disconnected: true, file, left, kept } };
  },
});

interface Server {
  readonly url: string;
  readonly key: string | null;
  /** Of a token at this machine's own node. */
  readonly tokenId: string | null;
  readonly isOwn: boolean;
}

/** Connected again, the machine keeps its token, or gets one in its place: else nobody knew what it was shown. */
async function ownServer(context: CommandContext, before: MnemeConnection | null): Promise<Server> {
  const { url, keys } = await askNode(context, 'mneme-serve', { enabled: true });
  if (keys === 'none') return { url, key: null, tokenId: null, isOwn: true };
  const tokenId = before?.tokenId ?? null;
  const key = before === null || tokenId === null ? null : await readMnemeKey(before);
  if (key !== null && (await askNode(context, 'mneme-token-known', { token: key })).id === tokenId)
    return { url, key, tokenId, isOwn: true };
  const after = tokenId === null ? {} : { after: tokenId };
  const { id, token } = await askNode(context, 'mneme-token-add', { name: 'this machine', projects: null, ...after });
  return { url, key: token, tokenId: id, isOwn: true };
}

async function foreignServer(context: CommandContext, server: string, isOffline: boolean): Promise<Server> {
  const url = serverUrl(server);
  const key = await readToken(context, 'that server', MAKE_ONE);
  const answer = isOffline ? 'fine' : await askMnemeServer(url, key);
  if (answer === 'unknown-key')
    throw new CommandFailure(EXIT.refused, 'unknown-token', `the server at ${url} knows no such token`, { next: MAKE_ONE });
  if (answer !== 'fine')
    throw new CommandFailure(
      EXIT.unreachable,
      'unreachable',
      `no sync server of mneme answers at ${url}: ${printable(answer.unreachable)}`,
      {
        next: 'Start that server, or correct the address; where it is only away: --offline',
      },
    );
  return { url, key, tokenId: null, isOwn: false };
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
