import type { OperationOutput } from '../node/operations/table.ts';
import { askNode } from './ask-node.ts';
import { defineCommand, type CommandResult } from './frame-command.ts';
import { printable, printableText, type Style } from './output-style.ts';
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
  notes:
    'Into a file or pipe goes a patch as `patch` and `git apply` take it, without colours and escapes.\nJSON: {item, from, to, before, after, binary}.',
  async run(context): Promise<CommandResult> {
    const { from, to, space } = context.options;
    const given = Object.fromEntries(Object.entries({ from, to, space }).filter(([, value]) => value !== undefined));
    const result = await askNode(context, 'diff', { item: context.args.item, ...given });
    const patch = toPatch(result);
    return {
      human:
        patch === null
          ? `${printable(result.item)}: ${result.binary ? 'no text, and its bytes differ' : 'no difference'}`
          : paint(context.style, patch),
      ...(patch === null ? {} : { bytes: Buffer.from(`${patch.join('\n')}\n`) }),
      json: result,
    };
  },
});

/** `null` where there is nothing to show. */
function toPatch(result: OperationOutput<'diff'>): string[] | null {
  if (result.binary) return null;
  const lines = unifiedDiff(result.before ?? '', result.after ?? '');
  // An empty text and none differ too.
  if (lines.length === 0 && (result.before === null) === (result.after === null)) return null;
  const file = (side: string, body: string | null): string => (body === null ? '/dev/null' : `${side}/${printable(result.item)}`);
  return [`--- ${file('a', result.before)}`, `+++ ${file('b', result.after)}`, ...lines];
}

function paint(style: Style, [before = '', after = '', ...lines]: readonly string[]): string {
  const painted = lines.map((line) => {
    const text = printableText(line);
    if (line.startsWith('+')) return style.green(text);
    return line.startsWith('-') ? style.red(text) : line.startsWith('@@') ? style.dim(text) : text;
  });
  return [style.bold(before), style.bold(after), ...painted].join('\n');
}
