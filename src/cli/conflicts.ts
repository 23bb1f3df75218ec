import type { OperationOutput } from '../node/operations/table.ts';
import { askNode } from './ask-node.ts';
import { cutMiddle } from './cut-middle.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { formatBytes, printable } from './output-style.ts';
import { shownTime } from './shown-time.ts';

export type Conflict = OperationOutput<'conflicts'>['conflicts'][number];

export const conflictsCommand = defineCommand({
  summary: 'Where two machines changed the same, and both versions were kept',
  options: { space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' } },
  examples: ['satchel conflicts'],
  notes:
    'One version is in place on all machines, the other is kept beside it until you choose. Nothing is lost either way: what is not taken stays in the history.\n' +
    'A version is taken whole. What it lacks of the one in place is said behind it: in JSON by key, else in lines. Of a memory of claude-mem only the columns are taken that both machines had changed; they are said behind it. To have some of both, write it yourself: satchel resolve ITEM --file FILE.\n' +
    'Exit 3 while one is open. JSON: {conflicts: [{item, kind, sibling, size, position, machine, time, current: {size, machine, time}, lacks: {keys, lines} or null, title (of a memory; or null), columns: [column] or null}]}.',
  async run(context): Promise<CommandResult> {
    const { space } = context.options;
    const result = await askNode(context, 'conflicts', space === undefined ? {} : { space });
    if (result.conflicts.length === 0) return { human: 'No open conflicts.', json: result };
    const items = [...new Set(result.conflicts.map(({ item }) => item))];
    const lines = [
      `${counted(result.conflicts.length, 'conflict')}, in ${counted(items.length, 'item')}:`,
      ...items.flatMap((item) =>
        describeConflict(
          context,
          result.conflicts.filter((each) => each.item === item),
        ),
      ),
    ];
    lines.push('', ...waysOut(context, result.conflicts));
    return { human: lines.join('\n'), json: result, exit: EXIT.open };
  },
});

/** The versions of one item. */
export function describeConflict(context: CommandContext, conflicts: readonly Conflict[]): string[] {
  const [first] = conflicts;
  if (first === undefined) return [];
  const { style } = context;
  const title = first.title === null ? '' : `  ${style.dim(cutMiddle(printable(first.title.trim().split('\n', 1)[0] ?? ''), TITLE_SHOWN))}`;
  return [
    style.bold(printable(first.item)) + title,
    `  in place  ${writtenBy(context, first.current)}`,
    ...conflicts.map((each) => {
      const differs = each.columns === null ? '' : `; differs in ${each.columns.map(printable).join(', ')}`;
      const lacks = each.lacks === null ? differs : `; lacks ${lackingWords(each.lacks)}`;
      return `  ${each.sibling.slice(0, 8)}  ${writtenBy(context, each)}${lacks}`;
    }),
  ];
}

/** What to run for the first of these items: with the first of its versions where there are several. */
export function waysOut({ asCalled }: CommandContext, conflicts: readonly Conflict[]): string[] {
  const [first] = conflicts;
  if (first === undefined) return [];
  const name = itemWord(first.item);
  const id = first.sibling.slice(0, 8);
  const hasSeveral = conflicts.filter(({ item }) => item === first.item).length > 1;
  const all = hasSeveral ? ' --all' : '';
  return [
    `${asCalled('One against the other:  satchel diff')} ${name} --to ${id}`,
    `${asCalled('Keep what is in place:  satchel resolve')} ${name} --take current${all}`,
    ...(hasSeveral ? [`${asCalled('Drop one of the others: satchel resolve')} ${name} --take current --sibling ${id}`] : []),
    `${asCalled('Take the other version: satchel resolve')} ${name} --take sibling --sibling ${id}`,
    `${asCalled('Or one of your own:     satchel resolve')} ${name} --file FILE${all}`,
  ];
}

const KEYS_SHOWN = 6;
const TITLE_SHOWN = 80;

/** What a version lacks of the one in place. */
export function lackingWords({ keys, lines }: NonNullable<Conflict['lacks']>): string {
  if (keys.length === 0) return counted(lines, 'line');
  const rest = keys.length > KEYS_SHOWN ? ` and ${keys.length - KEYS_SHOWN} more` : '';
  return `${keys.slice(0, KEYS_SHOWN).map(printable).join(', ')}${rest}`;
}

export function writtenBy(
  { clock }: CommandContext,
  { size, machine, time }: { readonly size: number | null; readonly machine: string; readonly time: string | null },
): string {
  const when = time === null ? 'not sent yet' : shownTime(time, clock.now());
  return `${size === null ? 'deleted' : formatBytes(size)}, by ${printable(machine)}, ${when}`;
}
