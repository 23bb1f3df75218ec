import { askNode } from './ask-node.ts';
import { defineCommand, type CommandResult } from './frame-command.ts';

export const inviteCommand = defineCommand({
  summary: 'Let another machine in: prints a link that works once',
  options: {
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
    role: {
      type: 'choice',
      choices: ['reader', 'writer', 'owner'],
      summary: 'what the machine may do there (default: owner, as one of your own)',
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
    const { style } = context;
    const lines = [
      'Paste this on the other machine (it works once):',
      '',
      `  satchel join '${made.link}'`,
      '',
      'In a clone of Satchel there: npm start -- join, and paste it when it asks.',
      '',
      `Or type there: satchel join ${made.address}`,
      `and these words: ${style.bold(made.words)}`,
      '',
      `Expires ${made.expires_at}. Keep this node running until then.`,
    ];
    if (made.only_here)
      lines.push(
        style.yellow(
          context.asCalled('This address works on this machine only. For others, start the node with: satchel up --host 0.0.0.0'),
        ),
      );
    return { human: lines.join('\n'), json: made };
  },
});
