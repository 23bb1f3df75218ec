import { readFile, stat } from 'node:fs/promises';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { describeConflict, waysOut } from './conflicts.ts';
import { createStyle, printable } from './output-style.ts';

/** It travels to the node in one request. */
const BODY_LIMIT = 32 * 1024 * 1024;

export const resolveCommand = defineCommand({
  summary: 'Settle an open conflict; what is not taken stays in the history',
  arguments: { item: { summary: 'the item in conflict', required: true } },
  options: {
    take: { type: 'choice', choices: ['current', 'sibling'], summary: 'current: what is in place; sibling: the version kept beside it' },
    sibling: { type: 'text', value: 'ID', summary: 'which of the versions kept beside it, where there are several: see satchel conflicts' },
    file: { type: 'text', value: 'FILE', summary: 'take this file’s content; `-` reads standard input' },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: ['satchel resolve CLAUDE.md --take current', 'satchel resolve CLAUDE.md --file merged.md'],
  notes: 'Without --take or --file it lists what there is to choose from. JSON: {item, settled, took}.',
  async run(context): Promise<CommandResult> {
    const { take, sibling, file, space } = context.options;
    if (take !== undefined && file !== undefined) throw new CommandFailure(EXIT.usage, 'usage', 'give either --take or --file, not both');
    if (take === undefined && file === undefined) throw await whichVersion(context, context.args.item, space);
    const body = file === undefined ? {} : { body: await readBody(context, file) };
    const result = await askNode(context, 'resolve', {
      item: context.args.item,
      take: take === 'current' || take === 'sibling' ? take : 'body',
      ...body,
      ...(sibling === undefined ? {} : { sibling }),
      ...(space === undefined ? {} : { space }),
    });
    const taken = { current: 'what is in place stays', sibling: 'the other version is in place now', body: 'your version is in place now' };
    return {
      human: `Settled ${counted(result.settled, 'conflict')} of ${printable(result.item)}: ${taken[result.took]}. The rest stays in the history.`,
      json: result,
    };
  },
});

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
    next: waysOut({ ...context, asCalled: (text) => text }, first).join('\n'),
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
