import { readFile, stat } from 'node:fs/promises';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';

/** It travels to the node in one request. */
const BODY_LIMIT = 32 * 1024 * 1024;

export const resolveCommand = defineCommand({
  summary: 'Settle an open conflict; what is not taken stays in the history',
  arguments: { item: { summary: 'the item in conflict', required: true } },
  options: {
    take: { type: 'choice', choices: ['current', 'sibling'], summary: 'what is in place, or the other version' },
    sibling: { type: 'text', value: 'ID', summary: 'which other version, where there are several' },
    file: { type: 'text', value: 'FILE', summary: 'take this file’s content; `-` reads standard input' },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: ['satchel resolve CLAUDE.md --take current', 'satchel resolve CLAUDE.md --file merged.md'],
  notes: 'JSON: {item, settled, took}.',
  async run(context): Promise<CommandResult> {
    const { take, sibling, file, space } = context.options;
    if ((take === undefined) === (file === undefined)) throw new CommandFailure(EXIT.usage, 'usage', 'give either --take or --file');
    const body = file === undefined ? {} : { body: await readBody(context, file) };
    const result = await askNode(context, 'resolve', {
      item: context.args.item,
      take: take === 'current' || take === 'sibling' ? take : 'body',
      ...body,
      ...(sibling === undefined ? {} : { sibling }),
      ...(space === undefined ? {} : { space }),
    });
    return {
      human: `Settled ${result.settled} ${result.settled === 1 ? 'conflict' : 'conflicts'} of ${printable(result.item)}`,
      json: result,
    };
  },
});

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
