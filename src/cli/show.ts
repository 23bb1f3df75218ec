import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';

export const showCommand = defineCommand({
  summary: 'Print an item, now or at a revision',
  arguments: { item: { summary: 'its name, the path of its file, or a revision as `satchel log` shows it', required: true } },
  options: { space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' } },
  examples: ['satchel show CLAUDE.md', 'satchel show 3f9a12cd', 'satchel show CLAUDE.md --json'],
  notes:
    'The bytes as they are, except for control characters that would steer a terminal; use --json for those of binary files.\nJSON: {item, kind, revision, deleted, size, mode, body, encoding}.',
  async run(context): Promise<CommandResult> {
    const { item } = context.args;
    const { space } = context.options;
    const wanted = isRevision(item) ? { revision: item } : { item };
    const shown = await askNode(context, 'show', { ...wanted, ...(space === undefined ? {} : { space }) });
    if (shown.deleted && !context.json)
      throw new CommandFailure(EXIT.failed, 'deleted', `${shown.item} is deleted there`, {
        next: `Its versions: satchel log ${shown.item}`,
      });
    if (shown.encoding === 'base64' && !context.json)
      throw new CommandFailure(EXIT.failed, 'binary', `${shown.item} is no text (${shown.size} bytes)`, {
        next: 'Use --json, and decode its body',
      });
    const text = shown.body
      .split('\n')
      .map((line) => printable(line).replaceAll('\\u000d', '\r'))
      .join('\n');
    return { human: text.endsWith('\n') ? text.slice(0, -1) : text, json: shown };
  },
});

export function isRevision(text: string): boolean {
  return /^[0-9a-f]{8,64}$/.test(text);
}
