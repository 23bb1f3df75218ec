import type { PendingChange, PendingEntry } from '../node/pending/pending-entry.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable, printableText, type Style } from './output-style.ts';
import { unifiedDiff } from './unified-diff.ts';

const ITEMS_SHOWN = 12;

export const pendingCommand = defineCommand({
  summary: 'What waits for your answer: what could be executed, mass deletions, first applies',
  arguments: { id: { summary: 'show this entry with what it would change; its id, or the beginning of it' } },
  options: { rejected: { type: 'flag', summary: 'list what was rejected too' } },
  examples: ['satchel pending', 'satchel pending 3f9a12cd', 'satchel pending --rejected'],
  notes:
    'What other machines wrote and could be executed here is put in place only after you approved exactly that content.\nExit 3 while something waits. JSON: {pending: [{id, type, path, what, machines, since, items: [{item, change, size}], rejected}], trust_own};\nwith an ID: {entry, changes: [{item, before, after, unshown}]}.',
  async run(context): Promise<CommandResult> {
    if (context.args.id !== undefined) return show(context, context.args.id);
    const result = await askNode(context, 'pending', {});
    const open = result.pending.filter(({ rejected }) => !rejected);
    const rejected = context.options.rejected ? result.pending.filter((entry) => entry.rejected) : [];
    const lines = [...open, ...rejected].flatMap((entry) => describePending(entry, context.style));
    if (open.length === 0) lines.unshift('Nothing waits.');
    else
      lines.push(
        '',
        'What it changes: satchel pending ID',
        'Put in place:    satchel approve ID…   or: satchel approve --all',
        'Leave out:       satchel reject ID…',
      );
    return { human: lines.join('\n'), json: result, exit: open.length > 0 ? EXIT.open : EXIT.ok };
  },
});

async function show(context: CommandContext, id: string): Promise<CommandResult> {
  const result = await askNode(context, 'pending-show', { id });
  const { entry, changes } = result;
  const lines = [...describePending(entry, context.style), ...changes.flatMap((change) => diffOf(change, context.style))];
  return { human: lines.join('\n'), json: result, exit: entry.rejected ? EXIT.ok : EXIT.open };
}

function diffOf({ item, before, after, unshown }: PendingChange, style: Style): string[] {
  if (unshown !== null) return ['', style.bold(printable(item)), `  ${unshown}: satchel show ${printable(item)}`];
  const lines = unifiedDiff(before ?? '', after ?? '').map((line) => {
    const text = printableText(line);
    if (line.startsWith('+')) return style.green(text);
    return line.startsWith('-') ? style.red(text) : line.startsWith('@@') ? style.dim(text) : text;
  });
  const side = (name: string, text: string | null): string => (text === null ? '/dev/null' : `${name}/${printable(item)}`);
  return ['', style.bold(`--- ${side('a', before)}`), style.bold(`+++ ${side('b', after)}`), ...lines];
}

/** An entry as lines for people. */
export function describePending(entry: PendingEntry, style: Style): string[] {
  const from = entry.machines.length === 0 ? '' : ` from ${entry.machines.map(printable).join(', ')}`;
  const since = entry.since === null ? '' : `, ${entry.since.slice(0, 16).replace('T', ' ')}`;
  const head = `${style.bold(entry.id.slice(0, 8))}  ${printable(entry.path)}: ${printable(entry.what)}${from}${since}${entry.rejected ? ' (rejected)' : ''}`;
  const alone = entry.items.length === 1 && entry.path.startsWith(entry.items[0]?.item ?? '\0');
  const shown = alone
    ? []
    : entry.items.slice(0, ITEMS_SHOWN).map(({ item, change }) => `            ${change.padEnd(9)} ${printable(item)}`);
  if (!alone && entry.items.length > ITEMS_SHOWN) shown.push(`            and ${entry.items.length - ITEMS_SHOWN} more`);
  return [head, ...shown];
}
