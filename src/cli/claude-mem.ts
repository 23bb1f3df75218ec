import path from 'node:path';
import { isUser } from '../gateways/claude-mem/user.ts';
import { isStarted, nodeHome } from '../node/home.ts';
import { askGatewayStatus } from '../node/claude-mem/ask-status.ts';
import { canSyncItself } from '../node/claude-mem/can-sync-itself.ts';
import { readConnection, undoConnection, writeConnection } from '../node/claude-mem/connection.ts';
import { askNode } from './ask-node.ts';
import { projectsVerb } from './claude-mem-projects.ts';
import { repairVerb } from './claude-mem-repair.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandSpec } from './frame-command.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';
import { readToken } from './read-token.ts';
import { undoneWords } from './undone-words.ts';

const NAME_LENGTH = 128;
const RESTART = 'It takes effect when claude-mem’s worker starts again.';

const serve = defineCommand({
  summary: 'Let a user’s claude-mem sync through this node, and show who may',
  options: {
    user: { type: 'text', value: 'NAME', summary: 'make a token for this user; it is shown once' },
    name: { type: 'text', value: 'TEXT', summary: 'what the token is for' },
    revoke: { type: 'text', value: 'TOKEN-ID', summary: 'take a token back' },
    removeDevice: { type: 'text', value: 'DEVICE', summary: 'make room for another device; one that comes again is let in again' },
  },
  examples: [
    'satchel claude-mem serve',
    'satchel claude-mem serve --user ada --name laptop > token',
    'satchel claude-mem serve --revoke 5f0c…',
  ],
  notes:
    'The gateway is part of the node (satchel up) and answers nobody without a token.\nWhere the output goes into a file or a pipe, --user prints the token there and nothing else.\nJSON: {url, users: [{user, tokens: [{id, name, created_at}], devices: [{id, name, admitted_at}], ops}], token (null without --user): {id, token, user, url}}.',
  async run(context) {
    const { user, name, revoke, removeDevice } = context.options;
    if (user !== undefined) parseUser(user);
    if (name !== undefined && name.length > NAME_LENGTH)
      throw new CommandFailure(EXIT.usage, 'usage', `--name takes at most ${NAME_LENGTH} characters`, { next: 'Shorten it' });
    if (revoke !== undefined) {
      const { removed } = await askNode(context, 'claude-mem-token-remove', { id: revoke });
      if (!removed)
        throw new CommandFailure(EXIT.usage, 'no-such-token', 'there is no token of that id', { next: 'Run: satchel claude-mem serve' });
    }
    if (removeDevice !== undefined) await askNode(context, 'claude-mem-device-remove', { device: removeDevice });
    const made = user === undefined ? null : await askNode(context, 'claude-mem-token-add', { user, name: name ?? '' });
    const { url, users } = await askNode(context, 'claude-mem-users', {});
    const lines = [`claude-mem’s hub is ${url}`];
    if (users.length === 0) lines.push('Nobody may sync yet: satchel claude-mem connect, or satchel claude-mem serve --user NAME');
    else {
      const columns = [{ title: 'USER' }, { title: 'TOKENS' }, { title: 'DEVICES' }, { title: 'OPS', align: 'right' as const }];
      const rows = users.map((each) => [
        each.user,
        each.tokens.map((token) => (token.name === '' ? token.id : `${token.id} (${token.name})`)).join(', '),
        each.devices.map((device) => device.name ?? device.id).join(', '),
        each.ops,
      ]);
      lines.push(renderTable(columns, rows, context.style.dim));
    }
    const json = { url, users, token: made };
    if (made === null) return { human: lines.join('\n'), json };
    lines.push(`Token of ${printable(made.user)}, shown this once:`);
    // A file for `connect` on another machine holds the token alone.
    return { human: [...lines, made.token].join('\n'), bytes: Buffer.from(`${made.token}\n`), aside: lines.join('\n'), json };
  },
});

const connect = defineCommand({
  summary: 'Have this machine’s claude-mem sync through a node',
  options: {
    hub: { type: 'text', value: 'URL', summary: 'another node’s gateway (default: this machine’s node); its token is read from stdin' },
    user: { type: 'text', value: 'NAME', summary: 'the user there (default: me)' },
  },
  examples: ['satchel claude-mem connect', 'satchel claude-mem connect --hub https://hub.example/claude-mem --user ada < token'],
  notes:
    'Writes three settings into claude-mem’s settings.json and nothing else; satchel claude-mem disconnect undoes it.\nJSON: {file, url, user}.',
  async run(context) {
    const user = parseUser(context.options.user ?? 'me');
    if (!canSyncItself(path.join(context.environment.claudeMemHome, 'claude-mem.db')))
      throw new CommandFailure(EXIT.failed, 'no-own-sync', 'claude-mem here is older than 13.12 and has no sync of its own', {
        next: 'Leave it: Satchel carries its rows without. Or update claude-mem, start its worker once, and run this again',
      });
    const { token, url, id } =
      context.options.hub === undefined ? await ownToken(context, user) : await foreignToken(context, user, context.options.hub);
    const home = nodeHome(context.environment.home);
    const before = await readConnection(home);
    const connected = await writeConnection(
      home,
      context.environment.claudeMemHome,
      { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: user, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url },
      id,
    );
    if (!connected.ok) {
      if (id !== null) await askNode(context, 'claude-mem-token-remove', { id });
      throw new CommandFailure(EXIT.failed, 'bad-settings', `claude-mem’s settings.json was left alone: ${connected.error}`, {
        next: 'Mend or move it away, and run this again',
      });
    }
    if (before?.tokenId != null && before.tokenId !== id) await askNode(context, 'claude-mem-token-remove', { id: before.tokenId });
    await tellNode(context);
    const { file } = connected.value;
    return { human: `claude-mem syncs through ${printable(url)} as ${printable(user)}. ${RESTART}`, json: { file, url, user } };
  },
});

const disconnect = defineCommand({
  summary: 'Undo what connect wrote',
  examples: ['satchel claude-mem disconnect'],
  notes: 'What somebody changed there since stays, and is named.\nJSON: {disconnected, file (null: it was not connected), left, kept}.',
  async run(context) {
    const undone = await undoConnection(nodeHome(context.environment.home));
    if (!undone.ok)
      throw new CommandFailure(EXIT.failed, 'bad-settings', `claude-mem’s settings.json was left alone: ${undone.error}`, {
        next: 'Mend it, and run this again',
      });
    const connection = undone.value;
    if (connection === null)
      return { human: 'claude-mem was not connected.', json: { disconnected: false, file: null, left: [], kept: null } };
    if (connection.tokenId !== null) await askNode(context, 'claude-mem-token-remove', { id: connection.tokenId });
    await tellNode(context);
    const { file, left, kept } = connection;
    return { human: `claude-mem is disconnected: ${undoneWords(connection)} ${RESTART}`, json: { disconnected: true, file, left, kept } };
  },
});

const importHistory = defineCommand({
  summary: 'Bring in the history that claude-mem’s own sync leaves behind',
  examples: ['satchel claude-mem import'],
  notes:
    'Rows from before its sync was switched on; a running node does it by itself once the worker was there. Safe to repeat.\nJSON: {rows, imported, skipped, device}.',
  async run(context) {
    const result = await askNode(context, 'claude-mem-import', {});
    const left = result.skipped === 0 ? '' : `; ${counted(result.skipped, 'row')} that claude-mem itself sets aside`;
    return { human: `Imported ${result.imported} of ${counted(result.rows, 'row')}${left}.`, json: result };
  },
});

interface Wanted {
  readonly token: string;
  readonly url: string;
  /** Of a token at this machine's own node. */
  readonly id: string | null;
}

/** Its source leaves to the worker what that syncs by itself. Where no node ever ran there is none. */
async function tellNode(context: CommandContext): Promise<void> {
  if (await isStarted(nodeHome(context.environment.home))) await askNode(context, 'claude-mem-reconnected', {});
}

async function ownToken(context: CommandContext, user: string): Promise<Wanted> {
  const made = await askNode(context, 'claude-mem-token-add', { user, name: 'this machine' });
  if (made.url.startsWith('http://')) return made;
  await askNode(context, 'claude-mem-token-remove', { id: made.id });
  throw new CommandFailure(EXIT.refused, 'own-certificate', 'this node shows a certificate of its own, which claude-mem does not trust', {
    next: 'Put a proxy with a known certificate before it, and run: satchel claude-mem connect --hub https://…/claude-mem',
  });
}

async function foreignToken(context: CommandContext, user: string, hub: string): Promise<Wanted> {
  const url = hubUrl(hub);
  const token = await readToken(context, 'that node', 'Have it made there, alone in a file: satchel claude-mem serve --user NAME > token');
  const answer = await askGatewayStatus(url, user, token);
  if (answer === 'unknown-token')
    throw new CommandFailure(EXIT.refused, 'unknown-token', `that node knows no such token of ${printable(user)}`, {
      next: `Have one made there: satchel claude-mem serve --user ${printable(user)}`,
    });
  if (answer !== 'fine')
    throw new CommandFailure(EXIT.unreachable, 'unreachable', `no gateway answers at ${printable(url)}: ${printable(answer.unreachable)}`, {
      next: 'Start that node, or correct the address, and run this again',
    });
  return { token, url, id: null };
}

function parseUser(user: string): string {
  if (isUser(user)) return user;
  throw new CommandFailure(EXIT.usage, 'usage', '--user takes letters, digits and . _ @ -, beginning with a letter or digit', {
    next: 'Choose another name',
  });
}

function hubUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new CommandFailure(EXIT.usage, 'bad-address', 'expected the address of a gateway, without credentials', {
      next: 'Give it as that node’s `satchel claude-mem serve` prints it, such as https://hub.example/claude-mem',
    });
  if (url.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(url.hostname))
    throw new CommandFailure(EXIT.refused, 'plain-http', 'a token does not travel over plain http, except on this machine', {
      next: 'Give the address of its TLS: https://…',
    });
  return url.href.replace(/\/+$/, '');
}

export const claudeMemCommand: CommandSpec = {
  summary: 'claude-mem’s own sync, through a node.',
  verbs: { serve, connect, disconnect, import: importHistory, projects: projectsVerb, repair: repairVerb },
};
