import { readFile, stat } from 'node:fs/promises';
import type { OperationInput, OperationOutput } from '../node/operations/table.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { describeConflict, lackingWords, waysOut } from './conflicts.ts';
import { itemWord } from './item-word.ts';
import { createStyle, printable } from './output-style.ts';

/** It travels to the node in one request. */
const BODY_LIMIT = 32 * 1024 * 1024;

export const resolveCommand = defineCommand({
  summary: 'Settle an open conflict; what is not taken stays in the history',
  arguments: { item: { summary: 'the item in conflict', required: true } },
  options: {
    take: { type: 'choice', choices: ['current', 'sibling'], summary: 'current: what is in place; sibling: the version kept beside it' },
    sibling: {
      type: 'text',
      value: 'ID',
      summary: 'settle this one of the versions kept beside it, and leave the others open: see satchel conflicts',
    },
    all: { type: 'flag', summary: 'settle all of them, where there are several: by --take current, or by --file' },
    file: { type: 'text', value: 'FILE', summary: 'take this file’s content; `-` reads standard input' },
    yes: { type: 'flag', summary: 'do not ask, even where something that is in place would go' },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: [
    'satchel resolve CLAUDE.md --take current',
    'satchel resolve CLAUDE.md --take sibling --sibling 3f9a12cd',
    'satchel resolve CLAUDE.md --file merged.md',
  ],
  notes:
    'Without --take or --file it lists what there is to choose from.\n' +
    'Of a memory of claude-mem the columns are taken that both machines had changed; what else was changed of it stays. With --file it takes the row as `satchel show ITEM --raw` prints it. Any other version is taken whole: what stands in place and is not in it goes, from the file on all machines, not from the history. On a terminal it says what and asks; without one it says so afterwards, with what brings it back: satchel restore ID.\n' +
    'Exit 3 where a version is still kept beside it. JSON: {item, settled, left, took, lost: {keys, lines} or null, columns: [column] or null, replaced (the revision that brings it back; or null), done}.',
  async run(context): Promise<CommandResult> {
    const { take, sibling, all, file, yes, space } = context.options;
    if (take !== undefined && file !== undefined) throw new CommandFailure(EXIT.usage, 'usage', 'give either --take or --file, not both');
    if (sibling !== undefined && all) throw new CommandFailure(EXIT.usage, 'usage', 'give either --sibling or --all, not both');
    if (take === undefined && file === undefined) throw await whichVersion(context, context.args.item, space);
    const body = file === undefined ? {} : { body: await readBody(context, file) };
    const input: OperationInput<'resolve'> = {
      item: context.args.item,
      take: take === 'current' || take === 'sibling' ? take : 'body',
      all,
      ...body,
      ...(sibling === undefined ? {} : { sibling }),
      ...(space === undefined ? {} : { space }),
    };
    if (!yes && take === 'sibling') {
      const plan = await askNode(context, 'resolve', { ...input, plan: true });
      if (plan.lost !== null) {
        const question = `${printable(plan.item)}: what you take lacks ${lackingWords(plan.lost)}: that goes from the file on all machines, and stays in the history. Go on? [y/N] `;
        const answer = await context.ask(question);
        if (answer !== null && !/^y(es)?$/i.test(answer.trim())) return { human: 'Nothing was changed', json: plan, exit: EXIT.open };
      }
    }
    const result = await askNode(context, 'resolve', input);
    return { human: said(context, result).join('\n'), json: result, exit: result.left > 0 ? EXIT.open : EXIT.ok };
  },
});

const TAKEN = { current: 'what is in place stays', sibling: 'the other version is in place now', body: 'your version is in place now' };

function said({ asCalled }: CommandContext, { item, settled, left, took, lost, columns, replaced }: OperationOutput<'resolve'>): string[] {
  const taken =
    columns === null
      ? TAKEN[took]
      : `${columns.map(printable).join(', ')} of the other version ${columns.length === 1 ? 'is' : 'are'} in place now, and all else as it was`;
  const lines = [`Settled ${counted(settled, 'conflict')} of ${printable(item)}: ${taken}. The rest stays in the history.`];
  if (lost !== null) lines.push(`Not in it, and gone from the file: ${lackingWords(lost)}.`);
  if (took !== 'current')
    lines.push(
      asCalled(
        replaced === null
          ? `What was in place before: satchel log ${itemWord(item)}`
          : `What was in place before comes back by: satchel restore ${replaced.slice(0, 8)}`,
      ),
    );
  if (left > 0) lines.push(asCalled(`Still open: ${counted(left, 'conflict')} of it. Run: satchel conflicts`));
  return lines;
}

/** What there is to choose from. */
async function whichVersion(context: CommandContext, item: string, space: string | undefined): Promise<CommandFailure> {
  const inSpace = space === undefined ? {} : { space };
  const { item: name } = await askNode(context, 'diff', { item, ...inSpace }).catch(() => ({ item }));
  const conflicts = (await askNode(context, 'conflicts', inSpace)).conflicts.filter((each) => each.item === name);
  const [first] = conflicts;
  if (first === undefined)
    return new CommandFailure(EXIT.usage, 'no-conflict', `${JSON.stringify(name)} has no open conflict`, {
      next: 'Which have: satchel conflicts',
    });
  const versions = describeConflict({ ...context, style: createStyle(false) }, conflicts);
  return new CommandFailure(EXIT.usage, 'usage', `say which version is to stand:\n${versions.join('\n')}`, {
    next: waysOut({ ...context, asCalled: (text) => text }, conflicts).join('\n'),
    details: conflicts,
  });
}

async function readBody(context: CommandContext, file: string): Promise<string> {
  const body = file === '-' ? await context.readStdinBytes(BODY_LIMIT) : await readWhole(file);
  if (body.length > BODY_LIMIT) throw new CommandFailure(EXIT.usage, 'too-large', `${file} is longer than ${BODY_LIMIT} bytes`);
  return Buffer.from(body).toString('base64');
}

async function readWhole(file: string): Promise<Uint8Array> {
  try {
    // Before it is read: it may be a disk image by mistake.
    const { size } = await stat(file);
    return size > BODY_LIMIT ? new Uint8Array(BODY_LIMIT + 1) : await readFile(file);
  } catch (error) {
    throw new CommandFailure(EXIT.usage, 'no-file', `${file} cannot be read: ${(error as Error).message}`);
  }
}
