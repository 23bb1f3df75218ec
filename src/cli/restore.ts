import { askNode } from './ask-node.ts';
import { defineCommand, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { printable } from './output-style.ts';
import { isRevision } from './show.ts';

export const restoreCommand = defineCommand({
  summary: 'Bring an earlier version of an item back, on all machines',
  arguments: {
    item: { summary: 'a revision as `satchel log` shows it; or an item, for its last version before the present one', required: true },
  },
  options: { space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' } },
  examples: ['satchel restore 3f9a12cd', 'satchel restore CLAUDE.md'],
  notes:
    'It is a new change: what it replaces stays in the history, and the same command undoes it. To look first, or to put it elsewhere: satchel show REVISION > FILE.\nJSON: {item, revision, deleted, changed, replaced (the revision that brings it back as it was; or null)}.',
  async run(context): Promise<CommandResult> {
    const { space } = context.options;
    const { item } = context.args;
    const wanted = isRevision(item) ? { revision: item } : { item };
    const result = await askNode(context, 'restore', { ...wanted, ...(space === undefined ? {} : { space }) });
    const name = printable(result.item);
    const at = result.revision === null ? '' : ` at ${result.revision.slice(0, 8)}`;
    const done = result.deleted ? `${name} is deleted, as it was${at}` : `${name} is as it was${at}`;
    if (!result.changed) return { human: `${name} is so already: nothing changed`, json: result };
    const back =
      result.replaced === null
        ? `What was in place before: satchel log ${itemWord(result.item)}`
        : `What was in place before comes back by: satchel restore ${result.replaced.slice(0, 8)}`;
    return { human: `${done}, on all machines.\n${context.asCalled(back)}`, json: result };
  },
});
