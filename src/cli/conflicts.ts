import type { OperationOutput } from '../node/operations/table.ts';
import { askNode } from './ask-node.ts';
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
    'Exit 3 while one is open. JSON: {conflicts: [{item, kind, sibling, size, position, machine, time, current: {size, machine, time}}]}.',
  async run(context): Promise<CommandResult> {
    const { space } = context.options;
    const result = await askNode(context, 'conflicts', space === undefined ? {} : { space });
    if (result.conflicts.length === 0) return { human: 'No open conflicts.', json: result };
    const items = [...new Set(result.conflicts.map(({ item }) => item))];
    const lines = [
      `${counted(items.length, 'item has', 'items have')} more than one version:`,
      ...items.flatMap((item) =>
        describeConflict(
          context,
          result.conflicts.filter((each) => each.item === item),
        ),
      ),
    ];
    lines.push('', ...waysOut(context, result.conflicts[0] as Conflict));
    return { human: lines.join('\n'), json: result, exit: EXIT.open };
  },
});

/** The versions of one item. */
export function describeConflict(context: CommandContext, conflicts: readonly Conflict[]): string[] {
  const [first] = conflicts;
  if (first === undefined) return [];
  const { style } = context;
  return [
    style.bold(printable(first.item)),
    `  in place  ${writtenBy(context, first.current)}`,
    ...conflicts.map((each) => `  ${each.sibling.slice(0, 8)}  ${writtenBy(context, each)}`),
  ];
}

/** What to run: with the first version of the item where there are several. */
export function waysOut({ asCalled }: CommandContext, { item, sibling }: Conflict): string[] {
  const name = itemWord(item);
  const id = sibling.slice(0, 8);
  return [
    `${asCalled('One against the other:  satchel diff')} ${name} --to ${id}`,
    `${asCalled('Keep what is in place:  satchel resolve')} ${name} --take current`,
    `${asCalled('Take the other version: satchel resolve')} ${name} --take sibling --sibling ${id}`,
    `${asCalled('Or one of your own:     satchel resolve')} ${name} --file FILE`,
  ];
}

export function writtenBy(
  { clock }: CommandContext,
  { size, machine, time }: { readonly size: number | null; readonly machine: string; readonly time: string | null },
): string {
  const when = time === null ? 'not sent yet' : shownTime(time, clock.now());
  return `${size === null ? 'deleted' : formatBytes(size)}, by ${printable(machine)}, ${when}`;
}
