import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';

const PROJECT_LENGTH = 1_024;

export const projectsVerb = defineCommand({
  summary: 'Say where claude-mem’s rows go, by project: nowhere, to another space, or to the personal one',
  arguments: { project: { summary: 'as claude-mem names it; * stands for any characters. Without one: list them' } },
  options: {
    local: { type: 'flag', summary: 'its rows stay on this machine' },
    space: { type: 'text', value: 'SPACE', summary: 'its rows go to this space; its members’ databases get them' },
    personal: { type: 'flag', summary: 'its rows go to the personal space, as all do of which nothing is said' },
  },
  examples: ['satchel claude-mem projects', 'satchel claude-mem projects diary --local', 'satchel claude-mem projects app --space team'],
  notes:
    'A space other than the personal one comes from somebody who shares it: no command makes one yet. Which this machine has: satchel spaces.\n' +
    'Its sessions, prompts, summaries and observations go together. It is kept in config.json of this machine (claudeMem.projects); say it on each of yours.\n' +
    'JSON: {projects: [{project, rows, space (null: stays here), by}], choices: [{project, space}]}; with a project {project, space, rows (null: its database cannot be read), carried: [{space, items}], shared}.',
  async run(context) {
    const { local, space, personal } = context.options;
    const { project } = context.args;
    const chosen = [local, space !== undefined, personal].filter(Boolean).length;
    if (project === undefined ? chosen > 0 : chosen !== 1)
      throw new CommandFailure(EXIT.usage, 'usage', 'name a project, and one of --local, --space and --personal', {
        next: 'Run: satchel claude-mem projects',
      });
    if (project === undefined) return listProjects(context);
    if (project.length > PROJECT_LENGTH)
      throw new CommandFailure(EXIT.usage, 'usage', `a project’s name is at most ${PROJECT_LENGTH} characters long`, {
        next: 'Shorten it, with *',
      });
    const to = space !== undefined ? { type: 'space' as const, space } : { type: local ? ('local' as const) : ('personal' as const) };
    const { asCalled } = context;
    const placed = await askNode(context, 'claude-mem-project-place', { project, to });
    const where = placed.space === null ? 'stay on this machine' : `go to ${printable(placed.space)}`;
    const lines = [
      `Rows of ${printable(project)} ${where} from now on${placed.rows === null ? '' : `: ${counted(placed.rows, 'row')} here`}.`,
    ];
    if (placed.rows === null)
      lines.push(asCalled('How many there are nobody can tell: claude-mem’s database cannot be read. Run: satchel doctor'));
    if (placed.shared) lines.push(asCalled('Others can read that space. What looks like a secret waits for your answer: satchel pending'));
    for (const { space: held, items } of placed.carried) {
      const those = items.length === 1 ? ['was', 'stays', 'it'] : ['were', 'stay', 'them'];
      const stay = `${counted(items.length, 'item')} of it ${those[0]} carried before, and ${those[1]} in ${printable(held)}`;
      lines.push(
        `${stay}: in its history, and on machines that have ${those[2]}. ${asCalled('satchel forget NAME erases one for ever (names: --json).')}`,
      );
    }
    return { human: lines.join('\n'), json: placed };
  },
});

async function listProjects(context: CommandContext): Promise<CommandResult> {
  const result = await askNode(context, 'claude-mem-projects', {});
  if (result.projects.length === 0) return { human: 'claude-mem has no projects here.', json: result };
  const rows = result.projects.map(({ project, rows, space, by }) => [
    project,
    rows,
    space ?? 'this machine alone',
    by === null || by === project ? '' : `by ${by}`,
  ]);
  const columns = [{ title: 'PROJECT' }, { title: 'ROWS', align: 'right' as const }, { title: 'GO TO' }, { title: '' }];
  return { human: renderTable(columns, rows, context.style.dim), json: result };
}
