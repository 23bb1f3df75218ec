import { existsSync } from 'node:fs';
import path from 'node:path';
import { fail, ok, type Result } from '../core/result.ts';
import { isUser } from '../gateways/claude-mem/user.ts';
import { adoptFromHub, type HubPlace } from '../node/claude-mem/adopt-at-connect.ts';
import { askGatewayStatus } from '../node/claude-mem/ask-status.ts';
import type { Untold } from '../node/claude-mem/tell-deletions.ts';
import { canSyncItself } from '../node/claude-mem/can-sync-itself.ts';
import { readConnection, undoConnection, writeConnection } from '../node/claude-mem/connection.ts';
import { PERSONAL_USER } from '../node/claude-mem/personal-user.ts';
import { CLAUDE_MEM_PREFIX } from '../node/claude-mem/prefix.ts';
import { whySettingsUnusable } from '../node/claude-mem/why-settings-unusable.ts';
import { whyUnusable } from '../node/claude-mem/why-unusable.ts';
import { counted } from '../node/counted.ts';
import { isStarted, nodeHome } from '../node/home.ts';
import { lookForLeftBehind } from '../sources/claude-mem-health/left-behind.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext } from './frame-command.ts';
import { printable } from './output-style.ts';
import { readToken } from './read-token.ts';
import { undoneWords } from './undone-words.ts';

const NOT_RUNNING =
  'This machine’s node is not running: what claude-mem saves waits in its own database until it does. Run: satchel up (or: satchel service install)';
const RESTART = 'It takes effect when claude-mem’s worker starts again.';

export const connectVerb = defineCommand({
  summary: 'Have this machine’s claude-mem sync through a node',
  options: {
    hub: { type: 'text', value: 'URL', summary: 'another node’s gateway (default: this machine’s node); its token is read from stdin' },
    user: { type: 'text', value: 'NAME', summary: 'the user there (default: me)' },
  },
  examples: ['satchel claude-mem connect', 'satchel claude-mem connect --hub https://hub.example/claude-mem --user ada < token'],
  notes:
    'Writes three settings into claude-mem’s settings.json; satchel claude-mem disconnect undoes it.\n' +
    'On a hub, and for any user but me, a gateway keeps what is pushed on that node alone, in plain text: it is in no sealed space, satchel search does not find it, and only machines that use that gateway too have it, until this one is disconnected.\n' +
    'With --hub this machine first catches up with its others, whether its node runs or not: where their home does not answer, nothing is changed (exit 4).\n' +
    'Rows of its database that are served there as another device’s are marked so in it (origin_device_id), or they would stand twice.\nJSON: {file, url, user, marked (rows; null: nobody could tell)}.',
  async run(context) {
    const user = parseUser(context.options.user ?? PERSONAL_USER);
    const isInstalled = existsSync(context.environment.claudeMemHome);
    const database = path.join(context.environment.claudeMemHome, 'claude-mem.db');
    const given = context.options.hub === undefined ? undefined : hubUrl(context.options.hub);
    const unusable = whyUnusable(database);
    if (unusable !== null)
      throw new CommandFailure(EXIT.usage, unusable.type, printable(unusable.reason), {
        next: `${unusable.next}. Then run this again: nothing was changed`,
      });
    const settings = await whySettingsUnusable(context.environment.claudeMemHome);
    if (settings !== null) throw new CommandFailure(EXIT.usage, 'bad-settings', printable(settings.reason), { next: settings.next });
    if (!canSyncItself(database))
      throw new CommandFailure(EXIT.failed, 'no-own-sync', 'claude-mem here is older than 13.12 and has no sync of its own', {
        next: 'Leave it: Satchel carries its rows without. Or update claude-mem, start its worker once, and run this again',
      });
    const { token, url, id } = given === undefined ? await ownToken(context, user) : await foreignToken(context, user, given);
    const { claudeMemHome } = context.environment;
    const home = nodeHome(context.environment.home);
    const before = await readConnection(home);
    const hub = id === null ? { url, user, token } : null;
    // Before the settings: a worker that starts right then knows its rows.
    const marked = await prepare(context, hub ?? { own: user }).catch(async (error: unknown) => {
      // Nothing was changed, then: nor is a token left that nobody has.
      if (id !== null) await askNode(context, 'claude-mem-token-remove', { id });
      throw error;
    });
    const connected = await writeConnection(
      home,
      claudeMemHome,
      { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: user, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url },
      id,
    );
    if (!connected.ok) {
      if (id !== null) await askNode(context, 'claude-mem-token-remove', { id });
      throw new CommandFailure(EXIT.usage, 'bad-settings', `claude-mem’s settings.json was left alone: ${connected.error}`, {
        next: 'Mend or move it away, and run this again',
      });
    }
    if (before?.tokenId != null && before.tokenId !== id) await askNode(context, 'claude-mem-token-remove', { id: before.tokenId });
    const since = await tellNode(context, hub, marked.numbers);
    const all = !marked.rows.ok ? marked.rows : since.marked.ok ? ok(marked.rows.value + since.marked.value) : since.marked;
    const { file } = connected.value;
    const notes = [
      ...unlookedText(marked.unlooked),
      ...unreadText(marked.unread),
      ...untoldText(marked.untold),
      ...adoptedText(all, context.asCalled('satchel claude-mem repair doubles')),
      ...(id === null && all.ok ? historyText(database, context.asCalled('satchel claude-mem repair history')) : []),
      ...(isInstalled ? [] : [`claude-mem has not run here (there was no ${printable(path.dirname(file))}): this is for when it does.`]),
      ...(isInstalled && !existsSync(database)
        ? ['claude-mem has no database here yet: what its worker saves from its next start on is synced.']
        : []),
      ...(id !== null && !since.isLive ? [context.asCalled(NOT_RUNNING), context.asCalled(portText(url))] : []),
      ...(id === null ? [context.asCalled(elsewhereText(user))] : []),
    ];
    return {
      human: `claude-mem syncs through ${printable(url)} as ${printable(user)}${isInstalled ? '' : ', once it runs here'}. ${RESTART}`,
      ...(notes.length === 0 ? {} : { note: notes.join('\n') }),
      json: { file, url, user, marked: all.ok ? all.value : null },
    };
  },
});

/** Of rows that its client would be given a second time. */
function adoptedText(marked: Result<number, string>, repair: string): string[] {
  if (!marked.ok)
    return [
      `Which of its rows are served there as another device’s could not be told: ${printable(marked.error)}. Summaries and prompts may stand twice: \`${repair}\` removes the second ones.`,
    ];
  const { value } = marked;
  if (value === 0) return [];
  return [
    `${counted(value, 'row')} that it has and another device serves ${value === 1 ? 'is' : 'are'} marked as that one’s, so that nothing stands twice.`,
  ];
}

/** Of rows that its own sync leaves behind at another node, and that other machines may push as theirs. */
function historyText(file: string, repair: string): string[] {
  const left = lookForLeftBehind(file);
  if (left === null) return [];
  return [
    `${left.reason}. A machine that has them by Satchel pushes them as its own, and they would stand twice here: run \`${repair}\` before.`,
  ];
}

export const disconnectVerb = defineCommand({
  summary: 'Undo what connect wrote',
  examples: ['satchel claude-mem disconnect'],
  notes: 'What somebody changed there since stays, and is named.\nJSON: {disconnected, file (null: it was not connected), left, kept}.',
  async run(context) {
    const { unlooked, unread, untold } = await prepare(context, null);
    const undone = await undoConnection(nodeHome(context.environment.home));
    if (!undone.ok)
      throw new CommandFailure(EXIT.usage, 'bad-settings', `claude-mem’s settings.json was left alone: ${undone.error}`, {
        next: 'Mend it, and run this again',
      });
    const connection = undone.value;
    if (connection === null)
      return { human: 'claude-mem was not connected.', json: { disconnected: false, file: null, left: [], kept: null } };
    if (connection.tokenId !== null) await askNode(context, 'claude-mem-token-remove', { id: connection.tokenId });
    await tellNode(context, null, null);
    const { file, left, kept } = connection;
    const notes = [...unlookedText(unlooked), ...unreadText(unread), ...untoldText(untold)];
    const note = notes.length === 0 ? {} : { note: notes.join('\n') };
    return {
      human: `claude-mem is disconnected: ${undoneWords(connection)} ${RESTART}`,
      ...note,
      json: { disconnected: true, file, left, kept },
    };
  },
});

interface Wanted {
  readonly token: string;
  readonly url: string;
  /** Of a token at this machine's own node. */
  readonly id: string | null;
}

interface Prepared {
  /** Why nobody could look at what was done beside its worker. */
  readonly unlooked: string | null;
  /** Why what the hub that it leaves brought could not be read, and may have been edited here. */
  readonly unread: string | null;
  /** What its worker deleted, and where it synced until now nobody could be told. */
  readonly untold: Untold | null;
  /** How many were marked, or why none could be. */
  readonly rows: Result<number, string>;
  /** For the node, once the settings are written. */
  readonly numbers: string | null;
}

/** Before the settings say otherwise. Where no node ever ran, nobody carried its rows, and only another one's gateway can serve them. */
async function prepare(context: CommandContext, to: HubPlace | { readonly own: string } | null): Promise<Prepared> {
  if (!(await isStarted(nodeHome(context.environment.home)))) {
    const isElsewhere = to !== null && 'url' in to;
    const rows = isElsewhere ? await adoptFromHub(context.environment.claudeMemHome, to, Date.now()) : ok(0);
    return { unlooked: null, unread: null, untold: null, rows, numbers: null };
  }
  const { unlooked, unread, untold, marked, unmarked, numbers } = await askNode(context, 'claude-mem-reconnecting', { to });
  return { unlooked, unread, untold, rows: unmarked === null ? ok(marked) : fail(unmarked), numbers };
}

/** Its source leaves to the worker what that syncs by itself. Where no node ever ran there is none. */
async function tellNode(
  context: CommandContext,
  hub: HubPlace | null,
  numbers: string | null,
): Promise<{ readonly marked: Result<number, string>; readonly isLive: boolean }> {
  if (!(await isStarted(nodeHome(context.environment.home)))) return { marked: ok(0), isLive: false };
  const { marked, unmarked, live } = await askNode(context, 'claude-mem-reconnected', { hub, numbers });
  return { marked: unmarked === null ? ok(marked) : fail(unmarked), isLive: live };
}

/** Of what stays where it is until the database can be read. */
function unlookedText(unlooked: string | null): string[] {
  if (unlooked === null) return [];
  return [`What was changed in its database beside its own sync could not be looked at: ${printable(unlooked)}. It is looked at again.`];
}

/** Of rows that are known by their words alone. */
function unreadText(unread: string | null): string[] {
  if (unread === null) return [];
  return [
    `What it got of other machines’ rows could not be read where it synced (${printable(unread)}): one that was edited here may stand twice once that machine leaves that node as well.`,
  ];
}

/** Of rows that the other machines have still. */
function untoldText(untold: Untold | null): string[] {
  if (untold === null) return [];
  const { rows, reason } = untold;
  return [
    `${counted(rows, 'row')} that claude-mem deleted, and had not sent yet, could not be told to the node that it synced with (${printable(reason)}): ${rows === 1 ? 'it comes' : 'they come'} again. Delete ${rows === 1 ? 'it' : 'them'} once more then.`,
  ];
}

async function ownToken(context: CommandContext, user: string): Promise<Wanted> {
  const made = await askNode(context, 'claude-mem-token-add', { user, name: 'this machine', ownWorker: true });
  if (made.url.startsWith('http://')) return made;
  await askNode(context, 'claude-mem-token-remove', { id: made.id });
  throw new CommandFailure(EXIT.refused, 'own-certificate', 'this node shows a certificate of its own, which claude-mem does not trust', {
    next: 'Put a proxy with a known certificate before it, and run: satchel claude-mem connect --hub https://…/claude-mem',
  });
}

async function foreignToken(context: CommandContext, user: string, given: string): Promise<Wanted> {
  const token = await readToken(context, 'that node', 'Have it made there, alone in a file: satchel claude-mem serve --user NAME > token');
  const { url, answer } = await findGateway(given, user, token);
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

/** At the address that was given; else behind it, where every node has its gateway. */
async function findGateway(given: string, user: string, token: string) {
  const answer = await askGatewayStatus(given, user, token);
  if (answer === 'fine' || given.endsWith(CLAUDE_MEM_PREFIX)) return { url: given, answer };
  const url = given + CLAUDE_MEM_PREFIX;
  const behind = await askGatewayStatus(url, user, token);
  return behind === 'fine' || behind === 'unknown-token' ? { url, answer: behind } : { url: given, answer };
}

/** What becomes of memories at a gateway of which nobody can tell from here whether a person's own space is behind it. */
function elsewhereText(user: string): string {
  const where = user === PERSONAL_USER ? 'Where that is a hub, what' : 'What';
  return `${where} claude-mem pushes there lies on that node in plain text, for whoever runs it: it is in no sealed space, and \`satchel search\` does not find it. Until \`satchel claude-mem disconnect\`, memories go to and come from those machines alone that use that gateway too.`;
}

/** Of a node that does not run: where it will listen only config.json can say. */
function portText(url: string): string {
  return `Port ${new URL(url).port} is what config.json says: of a node that is started with another --port it is not known. Then run this again while that runs: satchel claude-mem connect`;
}

export function parseUser(user: string): string {
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
