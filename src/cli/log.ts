import { HOUSEKEEPING_KINDS } from '../kinds/claude-home/housekeeping.ts';
import type { LogChange, LogCommit } from '../node/operations/log.ts';
import type { OperationOutput } from '../node/operations/table.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { formatBytes, printable } from './output-style.ts';
import { shownAgo, shownTime } from './shown-time.ts';

export const logCommand = defineCommand({
  summary: 'What changed, when and on which machine, newest first',
  arguments: {
    item: { summary: 'every version of this item: its name, or the path of its file; with / behind it, of all that lies under it' },
  },
  options: {
    all: { type: 'flag', summary: 'every record by itself, what Satchel notes for itself too, instead of groups by machine and session' },
    limit: { type: 'number', value: 'N', summary: 'so many changes at most (default 50)', min: 1, max: 1000 },
    before: { type: 'number', value: 'POSITION', summary: 'only what is older than this record', min: 0, max: Number.MAX_SAFE_INTEGER },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: ['satchel log', 'satchel log CLAUDE.md', 'satchel log mneme/', 'satchel log --limit 200 --json'],
  notes:
    'Before each change stands its revision, such as 3f9a12cd: satchel show, diff and restore take it. What was not sent yet has none.\n' +
    'Words: written, extended (at its end), deleted; replaced: a version that its own machine wrote over before it was sent, kept all the same; kept beside: the other side of a conflict. ' +
    'Erased (satchel forget) or pruned (satchel store prune): nobody has that version any more.\n' +
    'JSON: {commits: [{position, commit, machine, time, message, writer, session, changes: [{item, known_as (where people here call it otherwise), kind, type, revision, size, conflict: "open"|"settled"|null, gone: "erased"|"pruned"|null}]}], next}. What was not sent yet has position null and revisions "".',
  async run(context): Promise<CommandResult> {
    const { all, limit, before, space } = context.options;
    const { item } = context.args;
    const given = { item, limit, before, space };
    const result = await askNode(context, 'log', Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
    const { style, asCalled } = context;
    const isGrouped = item === undefined || item.endsWith('/');
    const lines = all
      ? result.commits.flatMap((commit) => describeCommit(context, commit))
      : isGrouped
        ? describeGroups(context, result.commits)
        : describeVersions(context, result.commits, before === undefined);
    if (lines.length === 0) return { human: asCalled(nothingText(before, result)), json: result };
    if (result.next !== null) {
      const name = item === undefined ? '' : ` ${itemWord(item)}`;
      lines.push(style.dim(`${asCalled('Older: satchel log')}${name}${all ? ' --all' : ''} --before ${result.next}`));
    }
    const revision = result.commits
      .flatMap(({ changes }) => changes)
      .find(
        (change) =>
          change.revision !== '' && change.type !== 'delete' && change.gone === null && !(isGrouped && HOUSEKEEPING.has(change.kind)),
      )
      ?.revision.slice(0, 8);
    if (revision !== undefined && !all)
      lines.push(
        style.dim(asCalled(`See a version: satchel show ${revision}. Bring one back on all machines: satchel restore ${revision}`)),
      );
    return { human: lines.join('\n'), json: result };
  },
});

function nothingText(before: number | undefined, { commits, next }: OperationOutput<'log'>): string {
  if (before !== undefined && commits.length === 0) return `Nothing is older than record ${before}.`;
  if (commits.length === 0) return 'Nothing was captured yet. Run: satchel up';
  const older = next === null ? '' : ` Older: satchel log --before ${next}`;
  return `Nothing but what Satchel notes for itself: satchel log --all.${older}`;
}

/** What became of an item, in a word. */
const DONE: Readonly<Record<LogChange['type'], string>> = {
  put: 'written',
  append: 'extended',
  delete: 'deleted',
  keep: 'kept beside', // the other side of a conflict
  collapsed: 'replaced', // before it was sent
};

function describeCommit(context: CommandContext, commit: LogCommit): string[] {
  const { style } = context;
  const record = commit.position === null ? 'not sent yet,' : `record ${commit.position},`;
  const title = `${style.bold(record)} ${printable(commit.machine)}, ${agoOf(context, commit)}${writerWords(commit.writer)}`;
  return [
    commit.message === '' ? title : `${title}: ${printable(commit.message)}`,
    ...commit.changes.map((change) => `  ${describeChange(context, change)}`),
  ];
}

/** What made a commit: a captured folder, or a command. */
function writerWords(writer: string): string {
  if (writer === '') return '';
  return writer.startsWith('tree:') ? `, captured from ${printable(writer.slice('tree:'.length))}` : `, by ${printable(writer)}`;
}

function describeChange({ style }: CommandContext, change: LogChange): string {
  const size = change.size === null ? '' : `  ${formatBytes(change.size)}`;
  return `${style.dim(revisionOf(change))}  ${DONE[change.type].padEnd(11)} ${printable(change.known_as ?? change.item)}${style.dim(size)}${goneWords(change)}`;
}

function goneWords({ gone }: LogChange): string {
  return gone === null ? '' : `, ${gone}`;
}

function conflictWords({ conflict }: LogChange): string {
  return conflict === null ? '' : conflict === 'open' ? ', in conflict' : ', was in conflict, settled';
}

function revisionOf({ revision }: LogChange): string {
  return revision === '' ? '(unsent)' : revision.slice(0, 8);
}

/** Each version of one item in a line, newest first. */
function describeVersions(context: CommandContext, commits: readonly LogCommit[], isNewest: boolean): string[] {
  const { style, clock } = context;
  const lines = commits.flatMap((commit) =>
    commit.changes.map((change) => {
      const when = commit.time === null ? 'time unknown' : shownTime(commit.time, clock.now());
      const size = change.size === null ? '' : formatBytes(change.size);
      return `  ${style.dim(revisionOf(change))}  ${when.padEnd(18)} ${DONE[change.type].padEnd(11)} ${size.padStart(7)}  ${printable(commit.machine)}${conflictWords(change)}${goneWords(change)}`;
    }),
  );
  const [newest] = commits.flatMap(({ changes }) => changes);
  if (newest === undefined) return [];
  const many = counted(lines.length, 'version');
  return [`${style.bold(printable(newest.known_as ?? newest.item))}: ${isNewest ? many : `${many} before that`}, newest first`, ...lines];
}

/** What Satchel keeps for itself in a space: answers to `pending`, where projects are. `--all` shows them. */
const HOUSEKEEPING = new Set(HOUSEKEEPING_KINDS);

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
    const where = newest.position === null ? ', not sent yet' : '';
    const title = `${context.style.bold(printable(newest.machine))}, ${agoOf(context, newest)}${where}${newest.session === null ? '' : `, session ${printable(newest.session)}`}`;
    return [
      title,
      ...[...items.values()].map(
        ({ change, times }) => `  ${describeChange(context, change)}${times > 1 ? context.style.dim(`  ${times} times`) : ''}`,
      ),
    ];
  });
}

function agoOf({ clock }: CommandContext, { time }: LogCommit): string {
  return time === null ? 'time unknown' : shownAgo(time, clock.now());
}
