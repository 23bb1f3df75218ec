import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { formatBytes, printable, printableText } from './output-style.ts';

export const showCommand = defineCommand({
  summary: 'Print an item, now or at a revision',
  arguments: { item: { summary: 'its name, the path of its file, or a revision as `satchel log` shows it', required: true } },
  options: {
    raw: { type: 'flag', summary: 'settings as the space holds them: with placeholders for paths and secrets' },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: ['satchel show CLAUDE.md', 'satchel show 3f9a12cd > old.md', 'satchel show CLAUDE.md --json'],
  notes:
    'Settings are shown with this machine’s paths, and without secrets: what is left out is named on stderr.\nInto a file or pipe go the bytes as they are; on a terminal, control characters are shown as escapes.\nJSON: {item, kind, revision, deleted, size, mode, body, encoding, left_out: [pointer]}, encoding utf8 or base64.',
  async run(context): Promise<CommandResult> {
    const { item } = context.args;
    const { raw, space } = context.options;
    const wanted = isRevision(item) ? { revision: item } : { item };
    const shown = await askNode(context, 'show', { ...wanted, raw, ...(space === undefined ? {} : { space }) });
    if (shown.deleted && !context.json)
      throw new CommandFailure(EXIT.failed, 'deleted', `${shown.item} is deleted there`, {
        next: `Its versions: satchel log ${itemWord(shown.item)}`,
      });
    const note = leftOutNote(shown.left_out);
    return { ...(note === null ? {} : { note }), human: forTerminal(shown), bytes: Buffer.from(shown.body, shown.encoding), json: shown };
  },
});

function forTerminal(shown: { item: string; size: number; body: string; encoding: string }): string {
  if (shown.encoding === 'base64')
    return `${printable(shown.item)} is no text (${formatBytes(shown.size)}). Into a file: satchel show ${itemWord(shown.item)} > FILE`;
  return printableText(shown.body.replaceAll('\r\n', '\n').replace(/\n$/, ''));
}

/** What looks like a revision is taken for one; a file of such a name is meant by `./NAME`. */
export function isRevision(text: string): boolean {
  return /^[0-9a-f]{8,64}$/.test(text);
}

/** Whoever puts that in the place of a file loses what is not in it. */
export function leftOutNote(pointers: readonly string[]): string | null {
  if (pointers.length === 0) return null;
  return `Left out, since secrets stay where they were written: ${pointers.map(printable).join(', ')}. Put them in yourself.`;
}
