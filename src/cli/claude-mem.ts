import { askNode } from './ask-node.ts';
import { connectVerb, disconnectVerb, parseUser } from './claude-mem-connect.ts';
import { projectsVerb } from './claude-mem-projects.ts';
import { repairVerb } from './claude-mem-repair.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandSpec } from './frame-command.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';

const NAME_LENGTH = 128;

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
    '(umask 077; satchel claude-mem serve --user ada --name laptop > token)',
    'satchel claude-mem serve --revoke 5f0c…',
  ],
  notes:
    'The gateway is part of the node (satchel up) and answers nobody without a token.\nWhere the output goes into a file or a pipe, --user prints the token there and nothing else.\nJSON: {url, users: [{user, tokens: [{id, name, created_at}], devices: [{id, name, admitted_at}], ops}], token (null without --user): {id, token, user, url}}.',
  async run(context) {
    const { user, name, revoke, removeDevice } = context.options;
    if (user !== undefined) parseUser(user);
    else if (name !== undefined)
      throw new CommandFailure(EXIT.usage, 'usage', '--name is of a token that is made for a --user', {
        next: 'Give both: satchel claude-mem serve --user NAME --name TEXT',
      });
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

const importHistory = defineCommand({
  summary: 'Bring in the history that claude-mem’s own sync leaves behind',
  examples: ['satchel claude-mem import'],
  notes:
    'Rows from before its sync was switched on; a running node does it by itself once the worker was there. Safe to repeat.\nJSON: {rows, imported, skipped, device}.',
  async run(context) {
    const result = await askNode(context, 'claude-mem-import', {});
    return { human: importedText(result), json: result };
  },
});

function importedText({ rows, imported, skipped }: { readonly rows: number; readonly imported: number; readonly skipped: number }): string {
  const set = skipped === 0 ? '' : `; ${counted(skipped, 'row')} that claude-mem itself sets aside`;
  const there = rows - imported - skipped;
  if (imported > 0)
    return `Imported ${counted(imported, 'row')}${there === 0 ? '' : `; ${there} ${there === 1 ? 'was' : 'were'} there already`}${set}.`;
  if (there > 0) return `There is nothing to import: ${there === 1 ? 'the 1 row is' : `all ${there} rows are`} there already${set}.`;
  return `There is nothing to import: claude-mem has no row of this machine’s own${set}.`;
}

export const claudeMemCommand: CommandSpec = {
  summary: 'claude-mem’s own sync, through a node.',
  verbs: { serve, connect: connectVerb, disconnect: disconnectVerb, import: importHistory, projects: projectsVerb, repair: repairVerb },
};
