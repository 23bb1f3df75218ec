import type { MnemeStatus } from '../node/operations/mneme.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandSpec } from './frame-command.ts';
import { printable, type Style } from './output-style.ts';
import { renderTable } from './output-table.ts';

const NAME_LENGTH = 128;

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
  verbs: { serve },
};
