import type { PendingEntry } from '../node/pending/pending-entry.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { defineCommand, type CommandResult } from './frame-command.ts';
import { printable, type Style } from './output-style.ts';

const ITEMS_SHOWN = 12;

export const pendingCommand = defineCommand({
  summary: 'What waits for your answer: what could be executed, mass deletions, first applies',
  options: { rejected: { type: 'flag', summary: 'list what was rejected too' } },
  examples: ['satchel pending', 'satchel pending --rejected'],
  notes:
    'What other machines wrote and could be executed here is put in place only after you approved exactly that content.\nExit 3 while something waits. JSON: {pending: [{id, type, path, what, machines, since, items: [{item, change, size}], rejected}], trust_own}.',
  async run(context): Promise<CommandResult> {
    const result = await askNode(context, 'pending', {});
    const open = result.pending.filter(({ rejected }) => !rejected);
    const rejected = context.options.rejected ? result.pending.filter((entry) => entry.rejected) : [];
    const lines = [...open, ...rejected].flatMap((entry) => describePending(entry, context.style));
    if (open.length === 0) lines.unshift('Nothing waits.');
    else lines.push('', 'Put in place: satchel approve ID…   or: satchel approve --all', 'Leave out:    satchel reject ID…');
    return { human: lines.join('\n'), json: result, exit: open.length > 0 ? EXIT.open : EXIT.ok };
  },
});

/** An entry as lines for people. */
export function describePending(entry: PendingEntry, style: Style): string[] {
  const from = entry.machines.length === 0 ? '' : ` from ${entry.machines.map(printable).join(', ')}`;
  const since = entry.since === null ? '' : `, ${entry.since.slice(0, 16).replace('T', ' ')}`;
  const head = `${style.bold(entry.id.slice(0, 8))}  ${printable(entry.path)}: ${entry.what}${from}${since}${entry.rejected ? ' (rejected)' : ''}`;
  const alone = entry.items.length === 1 && entry.items[0]?.item === entry.path;
  const shown = alone
    ? []
    : entry.items.slice(0, ITEMS_SHOWN).map(({ item, change }) => `            ${change.padEnd(9)} ${printable(item)}`);
  if (!alone && entry.items.length > ITEMS_SHOWN) shown.push(`            and ${entry.items.length - ITEMS_SHOWN} more`);
  return [head, ...shown];
}
