import { shellWord } from '../config/private-file.ts';
import type { SessionEntry } from '../node/sessions/list-sessions.ts';
import type { SessionHit } from '../node/sessions/search-sessions.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { defineCommand, type CommandContext, type CommandSpec } from './frame-command.ts';
import { formatBytes, formatDuration, printable } from './output-style.ts';
import { renderTable } from './output-table.ts';

const TITLE = 60;
/** Columns before a line that shows where a search hit. */
const INDENT = 10;

const list = defineCommand({
  summary: 'List the sessions of all machines, those used last first',
  arguments: {
    search: { summary: 'words that all occur in it: in anything said there, its title, project, folder, machine or id', variadic: true },
  },
  options: { limit: { type: 'number', value: 'N', summary: 'so many at most (default 50)', min: 1, max: 10_000 } },
  examples: ['satchel sessions', 'satchel sessions login bug', 'satchel sessions --limit 500 --json'],
  notes:
    'Words are found as satchel search finds them, which looks through memories and files too. Upper and lower case, and accents, are the same.\nJSON: {sessions: [{id, space, project, title, first_prompt, last_prompt, machine, used, size, folder (null: none here), here, reason, hit: {by, text}}], total, unsearched}.',
  async run(context) {
    const { limit } = context.options;
    const search = searchOf(context.args.search);
    const result = await askNode(context, 'sessions', { search, ...(limit === undefined ? {} : { limit }) });
    if (result.sessions.length === 0)
      return {
        human: [
          search === '' ? 'No sessions yet: they come with the first one of Claude Code.' : 'No session mentions that.',
          ...unsearchedLines(result.unsearched),
        ].join('\n'),
        json: result,
      };
    const columns = [
      { title: 'ID' },
      { title: 'USED' },
      { title: 'MACHINE' },
      { title: 'PROJECT' },
      { title: 'SIZE', align: 'right' as const },
      { title: '' },
      { title: 'TITLE' },
    ];
    const rows = result.sessions.map((entry) => [
      entry.id.slice(0, 8),
      agoOf(context, entry),
      entry.machine,
      entry.folder ?? entry.project,
      formatBytes(entry.size),
      entry.here ? '' : 'not here',
      titleOf(entry),
    ]);
    const [titles = '', ...table] = renderTable(columns, rows, context.style.dim).split('\n');
    const words = search.toLowerCase().split(/\s+/);
    const lines = [titles, ...table.flatMap((line, index) => [line, ...hitLines(context, result.sessions[index]?.hit ?? null, words)])];
    lines.push(...unsearchedLines(result.unsearched));
    if (result.total > result.sessions.length)
      lines.push(context.style.dim(`${result.total - result.sessions.length} more: --limit ${result.total}`));
    if (result.sessions.some(({ here }) => !here))
      lines.push(context.style.dim(context.asCalled('Bring one back that is not here: satchel sessions restore ID')));
    return { human: lines.join('\n'), json: result };
  },
});

function hitLines({ style }: CommandContext, hit: SessionHit['hit'], words: readonly string[]): string[] {
  if (hit === null) return [];
  return [`${' '.repeat(INDENT)}${style.dim(`${hit.by}:`)} ${marked(printable(hit.text), words, style.bold)}`];
}

/** A text with the words of a search marked in it. */
function marked(text: string, words: readonly string[], mark: (text: string) => string): string {
  const any = words.filter((word) => word !== '').map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return any.length === 0 ? text : text.replaceAll(new RegExp(any.join('|'), 'giu'), (found) => mark(found));
}

function unsearchedLines(count: number): string[] {
  if (count === 0) return [];
  return [
    `${counted(count, 'session was', 'sessions were')} not searched: the text is not on this machine, and cannot be had from the remote now.`,
  ];
}

/** `sessions search WORDS` is `sessions WORDS`; `search` alone is looked for. */
export function searchOf(words: readonly string[]): string {
  return (words[0] === 'search' && words.length > 1 ? words.slice(1) : words).join(' ');
}

function titleOf({ title, first_prompt: first }: SessionEntry): string {
  const text = Array.from(title ?? first ?? '-');
  return text.length <= TITLE ? text.join('') : `${text.slice(0, TITLE - 1).join('')}…`;
}

function agoOf({ clock }: CommandContext, { used }: SessionEntry): string {
  return used === null ? '?' : `${formatDuration(Math.max(0, clock.now() - Date.parse(used)))} ago`;
}

const restore = defineCommand({
  summary: 'Put a session’s files in place again, fresh, so that it can be resumed',
  arguments: { session: { summary: 'its id, or the beginning of it', required: true } },
  examples: ['satchel sessions restore 1b4e28ba'],
  notes: 'JSON: {id, folder, file}.',
  async run(context) {
    const result = await askNode(context, 'session-restore', { session: context.args.session });
    const human = `It is in place. Go on with it: cd ${shellWord(printable(result.folder))} && claude --resume ${result.id}`;
    return { human, json: result };
  },
});

export const sessionsCommand: CommandSpec = {
  summary: 'The sessions of all your machines.',
  verbs: { list, restore },
  bare: 'list',
};
