import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';

export const forgetCommand = defineCommand({
  summary: 'Erase items and all their history on all machines, for ever; without an item, list what was erased',
  arguments: { items: { summary: 'what to erase: names as `satchel log` shows them, or paths of files here', variadic: true } },
  options: {
    revision: { type: 'text', value: 'REVISION', summary: 'only the body of this revision of one item, which stays otherwise' },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
    yes: { type: 'flag', summary: 'do not ask' },
  },
  examples: ['satchel forget notes/secret.md', 'satchel forget CLAUDE.md --revision 3f9a12cd --yes', 'satchel forget'],
  notes:
    'This cannot be undone. The item’s file goes from every home; its bodies go from every store, from the hub first. Its name, and when it changed, stay in the encrypted log. ' +
    'A machine obeys at its next sync; what it had not sent yet comes back as an edit of its own. Backups made before still hold it.\n' +
    'JSON: {items, bodies, erased, position, unheard}; without an item {erasures: [{position, by, what, unheard}]}.',
  async run(context): Promise<CommandResult> {
    const { args, options } = context;
    const inSpace = options.space === undefined ? {} : { space: options.space };
    if (args.items.length === 0 && (options.revision !== undefined || options.yes))
      throw new CommandFailure(EXIT.usage, 'usage', 'no item is named', { next: 'Run: satchel forget ITEM' });
    if (args.items.length === 0) return listErasures(context, inSpace);
    const input = { items: [...args.items], ...inSpace, ...(options.revision === undefined ? {} : { revision: options.revision }) };
    const plan = await askNode(context, 'forget', { ...input, plan: true });
    await confirm(context, options.yes, `${plan.items.map(printable).join(', ')}: ${counted(plan.bodies, 'body', 'bodies')}`);
    const done = await askNode(context, 'forget', input);
    const lines = [
      done.erased ? `Erased ${counted(done.bodies, 'body', 'bodies')} (record ${done.position})` : 'Everything of it was erased before',
    ];
    if (done.unheard.length > 0) lines.push(unheardText(done.unheard), context.asCalled(`${HOW_KNOWN}. Look again: satchel forget`));
    return { human: lines.join('\n'), json: done };
  },
});

async function listErasures(context: CommandContext, inSpace: { readonly space?: string }): Promise<CommandResult> {
  const { erasures } = await askNode(context, 'erasures', inSpace);
  const lines = erasures.map((e) => {
    const yet = e.unheard.length === 0 ? 'all machines have obeyed' : unheardText(e.unheard);
    return `record ${e.position}, by ${printable(e.by)}: ${printable(e.what ?? 'not readable here')}; ${yet}`;
  });
  if (erasures.some(({ unheard }) => unheard.length > 0)) lines.push(context.style.dim(`${HOW_KNOWN}.`));
  return { human: lines.length === 0 ? 'Nothing was erased.' : lines.join('\n'), json: { erasures } };
}

/** What a signature behind the erase record says, nothing else does: docs/decisions/0003. */
const HOW_KNOWN = 'A machine obeys at its next sync, and is known to have with the next change that it sends';

function unheardText(names: readonly string[]): string {
  return `not known to have obeyed yet: ${names.map(printable).join(', ')}`;
}

async function confirm(context: CommandContext, yes: boolean, what: string): Promise<void> {
  if (yes) return;
  const answer = await context.ask(`Erase on all machines, for ever: ${what}\nType "forget" to go on: `);
  if (answer?.trim() === 'forget') return;
  throw answer === null
    ? new CommandFailure(EXIT.usage, 'unconfirmed', 'this cannot be undone, and there is no terminal to ask', {
        next: `Run: ${context.again({ yes: true })}`,
      })
    : new CommandFailure(EXIT.failed, 'unconfirmed', 'nothing was erased');
}
