import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand } from './frame-command.ts';
import { saysWhere, saysWho } from './mneme-lines.ts';
import { printable } from './output-style.ts';

const NAME_LENGTH = 128;

export const serveVerb = defineCommand({
  summary: 'Be the sync server of mneme’s clients, and show who may',
  options: {
    port: { type: 'number', value: 'PORT', summary: 'listen on this port from now on (default 3847)', min: 0, max: 65_535 },
    name: { type: 'text', value: 'TEXT', summary: 'make a token for the machine of this name; it is shown once' },
    project: { type: 'list', value: 'ID', summary: 'open only this project to that token (default: all)' },
    revoke: { type: 'text', value: 'TOKEN-ID', summary: 'take a token back' },
    off: { type: 'flag', summary: 'serve no longer; what was pushed stays' },
  },
  examples: [
    'satchel mneme serve',
    'satchel mneme serve --name laptop > token',
    'satchel mneme serve --name work --project -home-me-app',
    'satchel mneme serve --off',
  ],
  notes:
    'The node (satchel up) serves from now on, on loopback. ~/.mneme-server/config.json is read where it is there; "mneme" in config.json goes before it.\nWhere the output goes into a file or a pipe, --name prints the token there and nothing else.\nJSON: {enabled, url, listening, problem, keys, tokens: [{id, name, projects, created_at}], token (null without --name): {id, token, name, projects}}.',
  async run(context) {
    const { port, name, project, revoke, off } = context.options;
    if (name !== undefined && name.length > NAME_LENGTH) throw usage(`--name takes at most ${NAME_LENGTH} characters`, 'Shorten it');
    if (name === undefined && project.length > 0) throw usage('--project says what a new token opens', 'Give it a --name');
    if (off && (port !== undefined || name !== undefined)) throw usage('--off goes alone', 'Leave the others out');
    if (revoke !== undefined) {
      const { removed } = await askNode(context, 'mneme-token-remove', { id: revoke });
      if (!removed)
        throw new CommandFailure(EXIT.usage, 'no-such-token', 'there is no token of that id', { next: 'Run: satchel mneme serve' });
    }
    const made =
      name === undefined ? null : await askNode(context, 'mneme-token-add', { name, projects: project.length > 0 ? [...project] : null });
    // Taking a token back is no reason to begin.
    const enabled = off ? false : revoke === undefined ? true : undefined;
    const status = await askNode(context, 'mneme-serve', {
      ...(enabled === undefined ? {} : { enabled }),
      ...(port === undefined ? {} : { port }),
    });
    const lines = [saysWhere(status), ...saysWho(status, context.style)];
    const json = { ...status, token: made };
    if (made === null) return { human: lines.join('\n'), json };
    lines.push(`Token of ${printable(made.name)}, shown this once:`);
    // A file for `connect` on another machine holds the token alone.
    return { human: [...lines, made.token].join('\n'), bytes: Buffer.from(`${made.token}\n`), aside: lines.join('\n'), json };
  },
});

function usage(message: string, next: string): CommandFailure {
  return new CommandFailure(EXIT.usage, 'usage', message, { next });
}
