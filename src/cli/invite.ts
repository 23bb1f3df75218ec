import { shellWord } from '../config/private-file.ts';
import { askNode } from './ask-node.ts';
import { defineCommand, type CommandResult } from './frame-command.ts';
import { shownUntil } from './shown-time.ts';

export const inviteCommand = defineCommand({
  summary: 'Let another machine in: prints a link that works once',
  options: {
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
    role: {
      type: 'choice',
      choices: ['reader', 'writer', 'owner'],
      summary: 'reader: gets everything; writer: sends too; owner: invites and revokes too (default, as one of your own)',
    },
    expires: { type: 'number', value: 'MINUTES', summary: 'how long the link works (default 10)', min: 1, max: 10_080 },
    hub: { type: 'flag', summary: 'invite to keep spaces at this hub, rather than into a space' },
  },
  examples: ['satchel invite', 'satchel invite --json', 'satchel invite --role reader --expires 60'],
  notes: 'The node must stay running until the other machine joined.\nJSON: {link, words, address, expires_at, invites, only_here}.',
  async run(context): Promise<CommandResult> {
    const { space, role, expires, hub } = context.options;
    const made = await askNode(
      context,
      'invite',
      {
        ...(space === undefined ? {} : { space }),
        ...(role === undefined ? {} : { role: role as 'reader' | 'writer' | 'owner' }),
        ...(expires === undefined ? {} : { minutes: expires }),
        hub,
      },
      { needsRunning: true },
    );
    const { style, asCalled, clock } = context;
    const lines = [
      ...(made.only_here
        ? [
            style.yellow('This node listens on this machine only: the link below works for another user here, and nowhere else.'),
            style.yellow(asCalled('For another machine, stop the node, start it with `satchel up --host 0.0.0.0`, and invite again.')),
            '',
          ]
        : []),
      `${made.only_here ? 'As another user of this machine' : 'On the other machine'} run this. It works once:`,
      '',
      ...joinLines(context.environment.program, made.link),
      '',
      `Or type, without pasting: ${context.environment.program} join ${shellWord(made.address)}`,
      `and when it asks, these words: ${style.bold(made.words)}`,
      '',
      `Expires ${shownUntil(made.expires_at, clock.now())}. Keep this node running until the other one has joined.`,
    ];
    return { human: lines.join('\n'), json: made };
  },
});

/** Who runs a clone here most likely runs one there; links are pasted as they stand, so that form comes first. */
export function joinLines(program: string, link: string): string[] {
  const isClone = program !== 'satchel';
  return [
    `  ${program} join '${link}'`,
    '',
    isClone ? 'Where it is installed as a command there, run: satchel join' : 'Where Satchel is a clone there, run: npm start -- join',
    'and paste that line, or the link alone, when it asks.',
  ];
}
