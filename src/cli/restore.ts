import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';
import { isRevision } from './show.ts';

export const restoreCommand = defineCommand({
  summary: 'Bring an earlier version of an item back, on all machines',
  arguments: {
    item: { summary: 'a revision as `satchel log` shows it; or an item, for the version before the present one', required: true },
  },
  options: { space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' } },
  examples: ['satchel restore 3f9a12cd', 'satchel restore CLAUDE.md'],
  notes: 'A new change is made, so that what it replaces stays in the history too. JSON: {item, revision, changed}.',
  async run(context): Promise<CommandResult> {
    const { space } = context.options;
    const inSpace = space === undefined ? {} : { space };
    const revision = isRevision(context.args.item) ? context.args.item : await before(context.args.item);
    const result = await askNode(context, 'restore', { revision, ...inSpace });
    const name = printable(result.item);
    return {
      human: result.changed ? `${name} is as it was at ${result.revision.slice(0, 8)}` : `${name} holds that already`,
      json: result,
    };

    async function before(item: string): Promise<string> {
      const { from } = await askNode(context, 'diff', { item, ...inSpace });
      if (from === null)
        throw new CommandFailure(EXIT.usage, 'no-earlier', `there is no earlier version of ${printable(item)}`, {
          next: 'Run: satchel log',
        });
      return from;
    }
  },
});
