import type { LogChange, LogCommit } from '../node/operations/history.ts';
import { askNode } from './ask-node.ts';
import { defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { formatBytes, formatDuration, printable } from './output-style.ts';

export const logCommand = defineCommand({
  summary: 'What changed, when and on which machine, newest first',
  arguments: { item: { summary: 'only this item: its name, or the path of its file' } },
  options: {
    all: { type: 'flag', summary: 'every commit by itself, with its revisions, instead of groups by machine and session' },
    limit: { type: 'number', value: 'N', summary: 'so many changes at most (default 50)', min: 1, max: 1000 },
    before: { type: 'number', value: 'POSITION', summary: 'only what is older than this record', min: 0, max: Number.MAX_SAFE_INTEGER },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: ['satchel log', 'satchel log CLAUDE.md --all', 'satchel log --limit 200 --json'],
  notes:
    'JSON: {commits: [{position, commit, machine, time, message, writer, session, changes: [{item, kind, type, revision, size}]}], next}. A draft has position null and revisions "".',
  async run(context): Promise<CommandResult> {
    const { all, limit, before, space } = context.options;
    const { item } = context.args;
    const given = { item, limit, before, space };
    const result = await askNode(context, 'log', Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
    const lines = all ? result.commits.flatMap((commit) => describeCommit(context, commit)) : describeGroups(context, result.commits);
    if (result.next !== null)
      lines.push(
        context.style.dim(
          `Older: satchel log${item === undefined ? '' : ` ${itemWord(item)}`}${all ? ' --all' : ''} --before ${result.next}`,
        ),
      );
    return { human: lines.length === 0 ? 'Nothing was captured yet. Run: satchel up' : lines.join('\n'), json: result };
  },
});

function describeCommit(context: CommandContext, commit: LogCommit): string[] {
  const { style } = context;
  const title = `${style.bold(commit.position === null ? 'draft' : `#${commit.position}`)} ${printable(commit.machine)}, ${ago(context, commit)}, by ${printable(commit.writer)}`;
  return [
    commit.message === '' ? title : `${title}: ${printable(commit.message)}`,
    ...commit.changes.map((change) => `  ${describeChange(context, change)}`),
  ];
}

function describeChange({ style }: CommandContext, change: LogChange): string {
  const size = change.size === null ? '' : `  ${formatBytes(change.size)}`;
  const revision = change.revision === '' ? '        ' : change.revision.slice(0, 8);
  return `${style.dim(revision)}  ${change.type.padEnd(9)} ${printable(change.item)}${style.dim(size)}`;
}

/** What Satchel keeps for itself in a space: answers to `pending`, where projects are. `--all` shows them. */
const HOUSEKEEPING = new Set(['consent', 'project']);

/** Neighbours of one machine and session as one entry, an item once. */
function describeGroups(context: CommandContext, commits: readonly LogCommit[]): string[] {
  const groups: LogCommit[][] = [];
  for (const commit of commits) {
    const last = groups.at(-1)?.[0];
    if (
      last !== undefined &&
      last.machine === commit.machine &&
      last.session === commit.session &&
      (last.position === null) === (commit.position === null)
    )
      groups.at(-1)?.push(commit);
    else groups.push([commit]);
  }
  return groups.flatMap((group) => {
    const newest = group[0] as LogCommit;
    const items = new Map<string, { change: LogChange; times: number }>();
    for (const change of group.flatMap((commit) => commit.changes)) {
      if (HOUSEKEEPING.has(change.kind)) continue;
      const key = `${change.kind}:${change.item}`;
      const known = items.get(key);
      items.set(key, { change: known?.change ?? change, times: (known?.times ?? 0) + 1 });
    }
    if (items.size === 0) return [];
    const where = newest.position === null ? 'not sent yet' : `to record ${newest.position}`;
    const title = `${context.style.bold(printable(newest.machine))}, ${ago(context, newest)}, ${where}${newest.session === null ? '' : `, session ${printable(newest.session)}`}`;
    return [
      title,
      ...[...items.values()].map(
        ({ change, times }) => `  ${describeChange(context, change)}${times > 1 ? context.style.dim(`  ${times} times`) : ''}`,
      ),
    ];
  });
}

function ago({ clock }: CommandContext, commit: LogCommit): string {
  if (commit.time === null) return 'time unknown';
  const ms = clock.now() - Date.parse(commit.time);
  return ms < 0 ? commit.time : `${formatDuration(ms)} ago`;
}
