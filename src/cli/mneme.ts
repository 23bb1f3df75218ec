import path from 'node:path';
import { counted } from '../node/counted.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { defineCommand, type CommandSpec } from './frame-command.ts';
import { connectVerb, disconnectVerb } from './mneme-connect.ts';
import { serveVerb } from './mneme-serve.ts';
import { statusVerb } from './mneme-status.ts';
import { printable } from './output-style.ts';

const importVerb = defineCommand({
  summary: 'Take over what the first mneme server kept',
  arguments: { folder: { summary: 'its data folder (default: ~/.mneme-server, or "dataDir" of its config.json)' } },
  examples: ['satchel mneme import', 'satchel mneme import /srv/mneme'],
  notes: 'Nothing is changed there, and it is safe to repeat.\nJSON: {folder, projects, files, added, changed, bad: [{file, reason}]}.',
  async run(context) {
    const folder = context.args.folder === undefined ? null : path.resolve(context.args.folder);
    const result = await askNode(context, 'mneme-import', { folder });
    const { files, projects, added, changed } = result;
    const news = added + changed === 0 ? 'nothing new' : `${added} new, ${changed} changed`;
    const lines = [`Imported ${counted(files, 'file')} of ${counted(projects, 'project')}: ${news}.`];
    for (const { file, reason } of result.bad) lines.push(`Left alone: ${printable(file)} ${printable(reason)}`);
    return { human: lines.join('\n'), json: result, ...(result.bad.length > 0 ? { exit: EXIT.failed } : {}) };
  },
});

export const mnemeCommand: CommandSpec = {
  summary: 'The sync server of mneme’s clients, by this node.',
  verbs: { status: statusVerb, serve: serveVerb, connect: connectVerb, disconnect: disconnectVerb, import: importVerb },
  bare: 'status',
};
