import path from 'node:path';
import { shortProject } from '../kinds/claude-home/short-project.ts';
import type { Found } from '../node/recall/describe-found.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';
import { parseDate } from './parse-date.ts';
import { shownTime } from './shown-time.ts';

export const searchCommand = defineCommand({
  summary: 'Find what your agent knows: memories, sessions and files of all machines and projects',
  arguments: {
    query: { summary: 'words that all occur, also as the beginning of longer ones, and "phrases"; none: the newest', variadic: true },
  },
  options: {
    project: { type: 'text', value: 'P', summary: 'only of this project: its name, git remote or folder (`.`: this one)' },
    type: { type: 'text', value: 'T', summary: 'only of this type: bugfix, decision, summary, prompt, user, plans …' },
    machine: { type: 'text', value: 'M', summary: 'only what this machine wrote' },
    since: { type: 'text', value: 'DATE', summary: 'not older: 2026-11-21, 2026-11-21T14:05, or 12h, 7d, 2w ago' },
    until: { type: 'text', value: 'DATE', summary: 'not newer' },
    kind: { type: 'choice', choices: ['memories', 'sessions', 'files'], summary: 'only this' },
    limit: { type: 'number', value: 'N', summary: 'so many at most (default 10)', min: 1, max: 1_000 },
    around: { type: 'text', value: 'ID', summary: 'instead of a search: what was before and after this hit, in its project or session' },
  },
  examples: ['satchel search upload retry', 'satchel search "login" --project . --since 30d', 'satchel search --around mkqvzuxrnt'],
  notes:
    'Best first. Upper and lower case, and accents, are the same; a word that nothing holds is looked for inside of others. Before each hit stands an id: satchel show ID prints it in full.\n' +
    'The first search reads everything that is here into an index on this machine, some 10 MB a second; later ones read what is new.\n' +
    'JSON: {hits: [{id, kind, type, title, snippet, marks: [[from, to]], project, session, machine, time, space, item, passages}], total, match: "all"|"some" (of the words), unsearched, hints}. ' +
    'With --around JSON: {hits, at, project}, oldest first.',
  longRunning: true,
  async run(context): Promise<CommandResult> {
    const { around, limit } = context.options;
    const query = context.args.query.join(' ');
    if (around !== undefined) {
      if (query !== '')
        throw new CommandFailure(EXIT.usage, 'usage', '--around takes no words: it shows what is near one hit', {
          next: `Run: satchel search --around ${printable(around)}`,
        });
      const result = await askNode(context, 'search-around', { id: around, ...(limit === undefined ? {} : { limit }) });
      return { human: result.hits.flatMap((hit, index) => [...nearLines(context, hit, index === result.at)]).join('\n'), json: result };
    }
    const { project, type, machine, kind, since, until } = context.options;
    const given = {
      query,
      type,
      machine,
      kind,
      limit,
      project: projectOf(project),
      since: dateOf(context, '--since', since),
      until: dateOf(context, '--until', until),
    };
    const result = await askNode(context, 'search', Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
    const { style, asCalled } = context;
    const lines: string[] = [];
    if (result.hits.length === 0) lines.push(query === '' ? 'There is nothing yet.' : 'Nothing was found.');
    else if (result.match === 'some') lines.push(style.dim('Nothing holds all of these words. These hold some of them:'));
    lines.push(...result.hits.map((hit) => hitLines(context, hit)).flatMap((hit, index) => (index === 0 ? hit : ['', ...hit])));
    lines.push(...result.hints.map(printable));
    if (result.unsearched > 0)
      lines.push(
        `${counted(result.unsearched, 'item was', 'items were')} not searched: the text is not on this machine, and cannot be had from the remote now.`,
      );
    const [first] = result.hits;
    if (first !== undefined) {
      const more =
        result.total > result.hits.length ? `${result.total - result.hits.length} more: --limit ${Math.min(1_000, result.total)}. ` : '';
      lines.push(
        '',
        style.dim(`${more}${asCalled(`In full: satchel show ${first.id}. What was near it: satchel search --around ${first.id}`)}`),
      );
    }
    return { human: lines.join('\n'), json: result };
  },
});

function hitLines(context: CommandContext, hit: Found & { readonly passages: number }): string[] {
  const { style } = context;
  const more = hit.passages > 1 ? style.dim(`  ${hit.passages} places`) : '';
  const title = hit.title === null ? [] : [style.bold(printable(hit.title))];
  const line = `${hit.id}  ${style.dim(aboutOf(context, hit))}${more}`;
  return [
    line,
    ...title.map((text) => `  ${text}`),
    ...(hit.snippet === null || hit.snippet === '' ? [] : [`  ${marked(hit, style.bold)}`]),
  ];
}

function nearLines(context: CommandContext, hit: Found, isIt: boolean): string[] {
  const { style } = context;
  const line = `${isIt ? '>' : ' '} ${hit.id}  ${style.dim(aboutOf(context, hit))}`;
  // What a session is called would stand there ten times.
  const text = printable((hit.kind === 'sessions' ? null : hit.title) ?? hit.snippet ?? '');
  return [line, `    ${isIt ? style.bold(text) : text}`];
}

function aboutOf({ clock }: CommandContext, { type, project, machine, time }: Found): string {
  const when = time === null ? null : shownTime(time, clock.now());
  return [type, project === null ? null : shortProject(project), machine, when]
    .filter((word) => word !== null)
    .map(printable)
    .join(' · ');
}

/** The snippet with what was searched for marked in it; foreign text made safe. */
function marked({ snippet, marks }: Found, mark: (text: string) => string): string {
  let [line, at] = ['', 0];
  for (const [from, to] of marks) {
    line += printable((snippet ?? '').slice(at, from)) + mark(printable((snippet ?? '').slice(from, to)));
    at = to;
  }
  return line + printable((snippet ?? '').slice(at));
}

/** What looks like a path is one, as seen from here. */
function projectOf(text: string | undefined): string | undefined {
  return text !== undefined && /^(?:\.{1,2}(?:$|\/)|~?\/)/.test(text) ? path.resolve(text) : text;
}

function dateOf({ clock }: CommandContext, flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = parseDate(text, clock.now(), flag === '--until');
  if (!time.ok)
    throw new CommandFailure(EXIT.usage, 'usage', `${flag} ${JSON.stringify(text)}: ${time.error}`, { next: 'Run: satchel search --help' });
  return time.value;
}
