import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { fallenLines } from '../node/fallen-status.ts';
import { shellWord } from '../config/private-file.ts';
import type { OperationOutput } from '../node/operations/table.ts';
import { defineCommand, type CommandContext, type CommandSpec } from './frame-command.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';
import { remoteArgument } from './remotes.ts';

const PROJECTS = 20;
/** Of items whose bodies stay behind. */
const NAMED = 3;

const list = defineCommand({
  summary: 'List the spaces of this machine',
  examples: ['satchel spaces'],
  notes:
    'JSON: {spaces: [{space, name, mode, remote (null: here), term, position, words, members, role, projects: [{id, folder, sessions}]}]}.',
  async run(context) {
    const result = await askNode(context, 'spaces', {});
    const rows = result.spaces.map((s) => [
      s.name,
      s.space.slice(0, 12),
      s.mode ?? '?',
      s.role ?? '-',
      s.members,
      s.position,
      s.remote ?? 'here',
    ]);
    const columns = [
      { title: 'NAME' },
      { title: 'ID' },
      { title: 'MODE' },
      { title: 'ROLE' },
      { title: 'MACHINES', align: 'right' as const },
      { title: 'RECORD', align: 'right' as const },
      { title: 'HOME' },
    ];
    if (rows.length === 0) {
      const isHub = (await context.config()).hub || (await askNode(context, 'status', {})).hub;
      const none = isHub
        ? 'A hub has no spaces of its own. What it keeps for others: satchel status'
        : 'No spaces yet. Run: satchel up, or satchel join';
      return { human: context.asCalled(none), json: result };
    }
    const parts = [renderTable(columns, rows, context.style.dim)];
    const projects = result.spaces.flatMap((space) => space.projects);
    if (projects.length > 0) {
      const listed = projects.slice(0, PROJECTS).map(({ id, folder }) => [id, folder ?? 'no folder here']);
      parts.push(renderTable([{ title: 'PROJECT' }, { title: 'HERE' }], listed, context.style.dim));
    }
    if (projects.length > PROJECTS) parts.push(context.style.dim(context.asCalled(`${projects.length - PROJECTS} more: satchel projects`)));
    return { human: parts.join('\n\n'), json: result };
  },
});

const move = defineCommand({
  summary: 'Move a space’s log to another remote; members follow by themselves',
  arguments: {
    space: { summary: 'name or id', required: true },
    remote: {
      summary: 'a remote’s address as satchel remotes shows it, a folder’s path (after satchel remotes add), or `here`',
      required: true,
    },
  },
  options: {
    lost: {
      type: 'flag',
      summary: 'the present home is lost, was restored from a backup, or lost bodies that nobody has: go without what cannot be had',
    },
  },
  examples: ['satchel spaces move personal /media/stick/satchel', 'satchel spaces move personal here'],
  notes:
    'A remote is made known first: satchel remotes add FOLDER; then it is moved there. An interrupted move is finished by the same command. A home that is said to be --lost, and answers, is moved from as usual, without the bodies that nobody has. Where the home before is lost, the other machines are to be told; how is said.\nJSON: {space, name, from, to (null: here), moved, left_out: {bodies, items: […]} (what no machine within reach has), fallen: {own, others: [{machine, changes, revoked}]} (changes that are not in the log until who has their contents brings them), only_here (other machines cannot reach it), to_be_told: [{name, role}], home_answered}.',
  async run(context) {
    const remote = context.args.remote === 'here' ? 'here' : remoteArgument(context.args.remote);
    const result = await askNode(context, 'space-move', { space: context.args.space, remote, lost: context.options.lost });
    const place = result.to ?? 'this node';
    const lines = [
      result.moved
        ? `${printable(result.name)} is kept at ${printable(place)} now.`
        : `${printable(result.name)} was kept at ${printable(place)} already.`,
    ];
    const { bodies, items } = result.left_out;
    if (bodies > 0) {
      const named = items.slice(0, NAMED).map(printable).join(', ');
      const of = items.length === 0 ? '' : `, of ${named}${items.length > NAMED ? ` and ${items.length - NAMED} more` : ''}`;
      lines.push(
        context.style.yellow(
          context.asCalled(
            `Without ${counted(bodies, 'encrypted body', 'encrypted bodies')} that no machine within reach has${of}. One that has them brings them there: satchel store verify --full`,
          ),
        ),
      );
    }
    lines.push(...fallenLines(result.fallen).map((line) => context.style.yellow(printable(line))));
    if (result.only_here) lines.push(...onlyHereLines(context, result.name, context.options.lost ? null : result.from));
    if (result.home_answered)
      lines.push('The home before answered, and was moved from as usual: your other machines follow by themselves.');
    lines.push(...toBeToldLines(context, result));
    return { human: lines.join('\n'), json: result };
  },
});

/** No record at the lost home sends them: each is let in anew, as what it is. */
function toBeToldLines({ style, asCalled }: CommandContext, { name, to_be_told: others }: OperationOutput<'space-move'>): string[] {
  if (others.length === 0) return [];
  const space = name === 'personal' ? '' : ` --space ${shellWord(name)}`;
  const roles = [...new Set(others.map(({ role }) => role))];
  return [
    style.yellow(
      'Your other machines still look for it where it was, and keep what they write until they know. For each of them, one after the other:',
    ),
    ...roles.map((role) => {
      const named = others.filter((other) => other.role === role).map((other) => printable(other.name));
      return style.yellow(
        `  ${named.join(', ')}: ${asCalled(`here satchel invite${space}${role === 'owner' ? '' : ` --role ${role}`}, and paste its link there into satchel join`)}`,
      );
    }),
  ];
}

/** Its members are sent to an address that means their own machine there. */
function onlyHereLines({ style, asCalled }: CommandContext, name: string, from: string | null): string[] {
  const back = from === null ? 'to a remote that they reach' : 'back';
  const where = from === null ? 'REMOTE' : shellWord(from);
  return [
    style.yellow('This node listens on this machine only: your other machines cannot sync with it.'),
    style.yellow(asCalled(`Move it ${back}, before they follow: satchel spaces move ${shellWord(name)} ${where}`)),
    style.yellow(
      asCalled(
        `To have it here, stop the node, start it with \`satchel up --host 0.0.0.0\`, then: satchel spaces move ${shellWord(name)} here`,
      ),
    ),
  ];
}

export const spacesCommand: CommandSpec = { summary: 'The spaces that this machine takes part in.', verbs: { list, move }, bare: 'list' };
