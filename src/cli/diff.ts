import { askNode } from './ask-node.ts';
import { defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';
import { unifiedDiff } from './unified-diff.ts';

export const diffCommand = defineCommand({
  summary: 'What changed in an item',
  arguments: { item: { summary: 'its name, or the path of its file', required: true } },
  options: {
    from: { type: 'text', value: 'REVISION', summary: 'compare from this (default: the version before)' },
    to: { type: 'text', value: 'REVISION', summary: 'compare to this (default: now)' },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: ['satchel diff CLAUDE.md', 'satchel diff CLAUDE.md --from 3f9a12cd'],
  notes: 'JSON: {item, from, to, before, after, binary}.',
  async run(context): Promise<CommandResult> {
    const { from, to, space } = context.options;
    const given = Object.fromEntries(Object.entries({ from, to, space }).filter(([, value]) => value !== undefined));
    const result = await askNode(context, 'diff', { item: context.args.item, ...given });
    return { human: describe(context, result), json: result };
  },
});

function describe(
  { style }: CommandContext,
  result: { readonly item: string; readonly before: string | null; readonly after: string | null; readonly binary: boolean },
): string {
  const name = printable(result.item);
  if (result.binary) return `${name} is no text: its bytes changed`;
  const lines = unifiedDiff(result.before ?? '', result.after ?? '');
  if (lines === null) return `${name} changed in too many lines to compare here; use --json`;
  if (lines.length === 0) return `${name}: no difference`;
  const paint = (line: string): string => {
    const text = line.split('\n').map(printable).join('\n');
    if (line.startsWith('+')) return style.green(text);
    return line.startsWith('-') ? style.red(text) : line.startsWith('@@') ? style.dim(text) : text;
  };
  const title = [
    style.bold(`--- ${result.before === null ? '(nothing)' : name}`),
    style.bold(`+++ ${result.after === null ? '(nothing)' : name}`),
  ];
  return [...title, ...lines.map(paint)].join('\n');
}
