import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { defineCommand, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { formatBytes, printable } from './output-style.ts';

export const conflictsCommand = defineCommand({
  summary: 'Where two machines changed the same, and both versions were kept',
  options: { space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' } },
  examples: ['satchel conflicts'],
  notes: 'Exit 3 while one is open. JSON: {conflicts: [{item, kind, sibling, size, position}]}.',
  async run(context): Promise<CommandResult> {
    const { space } = context.options;
    const result = await askNode(context, 'conflicts', space === undefined ? {} : { space });
    if (result.conflicts.length === 0) return { human: 'No open conflicts.', json: result };
    const lines = result.conflicts.map(
      (c) =>
        `${printable(c.item)}: another version, ${c.sibling.slice(0, 8)}${c.size === null ? ' (deleted)' : `, ${formatBytes(c.size)}`}`,
    );
    const [first] = result.conflicts;
    const name = itemWord(first?.item ?? '');
    const id = first?.sibling.slice(0, 8);
    lines.push(
      '',
      `What it changed: satchel diff ${name} --to ${id}`,
      `Settle it, from any machine: satchel resolve ${name} --take current   (keep what is in place)`,
      `                         or: satchel resolve ${name} --take sibling   (take the other version)`,
      `                         or: satchel resolve ${name} --file FILE      (a version of your own)`,
    );
    return { human: lines.join('\n'), json: result, exit: EXIT.open };
  },
});
