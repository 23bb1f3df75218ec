import type { OperationOutput } from '../node/operations/table.ts';
import { askNode } from './ask-node.ts';
import { defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { printable, printableText, type Style } from './output-style.ts';
import { shownTime } from './shown-time.ts';
import { rowDiff } from './row-diff.ts';
import { unifiedDiff } from './unified-diff.ts';

export const diffCommand = defineCommand({
  summary: 'What changed in an item',
  arguments: { item: { summary: 'its name, or the path of its file', required: true } },
  options: {
    from: {
      type: 'text',
      value: 'REVISION',
      summary: 'compare from this (default: the version before; for one that a conflict kept, what is in place)',
    },
    to: { type: 'text', value: 'REVISION', summary: 'compare to this (default: now)' },
    raw: {
      type: 'flag',
      summary: 'settings and history.jsonl as the space holds them: with placeholders for paths and secrets; memories as JSON',
    },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: ['satchel diff CLAUDE.md', 'satchel diff CLAUDE.md --from 3f9a12cd'],
  notes:
    'Into a file or pipe goes a patch as `patch` and `git apply` take it, without colours and escapes.\nMemories of claude-mem are compared column by column. Settings are compared as this machine would have them; secrets, which stay where they were written, are left out of both sides.\nRevisions are what satchel log ITEM and satchel conflicts show.\nJSON: {item, kind, from, to, before, after, binary, from_by, to_by, conflict, left_out: [pointer], differs_raw}, *_by with {machine, time}.',
  async run(context): Promise<CommandResult> {
    const { from, to, raw, space } = context.options;
    const given = Object.fromEntries(Object.entries({ from, to, space }).filter(([, value]) => value !== undefined));
    const result = await askNode(context, 'diff', { item: context.args.item, raw, ...given });
    const patch = toPatch(context, result, raw);
    return {
      human: patch === null ? `${printable(result.item)}: ${noPatch(context, result)}` : paint(context.style, patch),
      ...(patch === null ? {} : { bytes: Buffer.from(`${patch.join('\n')}\n`) }),
      json: result,
    };
  },
});

function noPatch({ asCalled }: CommandContext, { item, binary, differs_raw: differs }: OperationOutput<'diff'>): string {
  if (binary) return 'no text, and its bytes differ';
  return differs ? asCalled(`no difference on this machine. As the space holds it: satchel diff ${itemWord(item)} --raw`) : 'no difference';
}

/** `null` where there is nothing to show. */
function toPatch(context: CommandContext, result: OperationOutput<'diff'>, raw: boolean): string[] | null {
  if (result.binary) return null;
  const lines = (raw ? null : rowDiff(result)) ?? unifiedDiff(result.before ?? '', result.after ?? '');
  // An empty text and none differ too.
  if (lines.length === 0 && (result.before === null) === (result.after === null)) return null;
  // Behind a tab a patch may say what it likes.
  const by = (what: string, author: typeof result.to_by): string =>
    author === null
      ? ''
      : `\t${what}${printable(author.machine)}, ${author.time === null ? 'not sent yet' : shownTime(author.time, context.clock.now())}`;
  const file = (side: string, body: string | null): string => (body === null ? '/dev/null' : `${side}/${printable(result.item)}`);
  const { conflict, from_by: from, to_by: to } = result;
  return [
    `--- ${file('a', result.before)}${by(conflict ? 'in place: ' : 'by ', from)}`,
    `+++ ${file('b', result.after)}${by(conflict ? 'kept beside it: ' : 'by ', to)}`,
    ...lines,
  ];
}

function paint(style: Style, [before = '', after = '', ...lines]: readonly string[]): string {
  const painted = lines.map((line) => {
    const text = printableText(line);
    if (line.startsWith('+')) return style.green(text);
    return line.startsWith('-') ? style.red(text) : line.startsWith('@@') ? style.dim(text) : text;
  });
  return [style.bold(before), style.bold(after), ...painted].join('\n');
}
