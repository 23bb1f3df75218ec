import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { formatBytes, printable, printableText } from './output-style.ts';
import { readableBody } from './readable-body.ts';

export const showCommand = defineCommand({
  summary: 'Print an item, now or at a revision',
  arguments: {
    item: { summary: 'its name, the path of its file, a revision as `satchel log` shows it, or an id of `satchel search`', required: true },
  },
  options: {
    raw: {
      type: 'flag',
      summary: 'as the space holds it: settings and history.jsonl with placeholders for paths and secrets, memories and sessions as JSON',
    },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: ['satchel show CLAUDE.md', 'satchel show mkqvzuxrnt', 'satchel show 3f9a12cd > old.md', 'satchel show CLAUDE.md --json'],
  notes:
    'Settings and history.jsonl are shown with this machine’s paths, without secrets and without what was typed in projects that have no folder here: what is left out is named on stderr.\nMemories and sessions are shown as one reads them. Of all else, and with --raw, the bytes go into a file or pipe as they are, without a newline at the end where they have none; on a terminal one is added, and control characters are shown as escapes.\nJSON: {item, kind, revision, deleted, size, mode, body, encoding, left_out: [pointer], placeless: [project], passage, machine, time}, encoding utf8 or base64.',
  async run(context): Promise<CommandResult> {
    const { item } = context.args;
    const { raw, space } = context.options;
    const wanted = isRevision(item) ? { revision: item } : { item };
    const shown = await askNode(context, 'show', { ...wanted, raw, ...(space === undefined ? {} : { space }) });
    if (shown.deleted && !context.json)
      throw new CommandFailure(EXIT.failed, 'deleted', `${printable(shown.item)} is deleted there`, {
        next: `Its versions: satchel log ${itemWord(shown.item)}`,
      });
    const notes = [leftOutNote(shown.left_out), placelessNote(context, item, shown.placeless)].filter((text) => text !== null);
    const note = notes.length === 0 ? null : notes.join('\n');
    const readable = raw ? null : readableBody(context, shown);
    if (readable !== null) return { human: readable, json: shown };
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

function placelessNote({ asCalled }: CommandContext, item: string, projects: readonly string[]): string | null {
  if (projects.length === 0) return null;
  const named = projects.slice(0, 3).map(printable).join(', ') + (projects.length > 3 ? ` and ${projects.length - 3} more` : '');
  return asCalled(
    `Left out, since they have no folder on this machine: lines of ${named}. Give them one: satchel projects map. All lines: satchel show ${itemWord(item)} --raw`,
  );
}
