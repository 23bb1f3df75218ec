import path from 'node:path';
import { askNode } from './ask-node.ts';
import { defineCommand, type CommandSpec } from './frame-command.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';

const list = defineCommand({
  summary: 'List the projects that sessions belong to, and their folders on this machine',
  examples: ['satchel projects'],
  notes: 'JSON: {projects: [{id, space, aliases, sessions, folder (null: none here), other_folders}]}.',
  async run(context) {
    const result = await askNode(context, 'projects', {});
    if (result.projects.length === 0) return { human: 'No projects yet: they come with the first session.', json: result };
    const columns = [{ title: 'PROJECT' }, { title: 'SESSIONS', align: 'right' as const }, { title: 'HERE' }, { title: 'KNOWN BY' }];
    const rows = result.projects.map((project) => [
      project.id,
      project.sessions,
      project.folder ?? { text: 'no folder here', style: context.style.yellow },
      project.aliases.join(', '),
    ]);
    const lines = [renderTable(columns, rows, context.style.dim)];
    if (result.projects.some(({ folder }) => folder === null))
      lines.push(context.style.dim(context.asCalled('Say where one is on this machine: satchel projects map PROJECT FOLDER')));
    return { human: lines.join('\n'), json: result };
  },
});

const map = defineCommand({
  summary: 'Say which folder of this machine a project is',
  arguments: {
    project: { summary: 'its id, or the word that it begins with', required: true },
    folder: { summary: 'where you work on it here', required: true },
  },
  examples: ['satchel projects map app ~/code/app'],
  notes: 'A checkout of the same remote, or the same folder in the home, is found without it. JSON: {project, folder}.',
  async run(context) {
    const folder = path.resolve(context.args.folder);
    const result = await askNode(context, 'project-map', { project: context.args.project, folder });
    return {
      human: `${printable(result.project)} is ${printable(result.folder)} on this machine. Its sessions are there now.`,
      json: result,
    };
  },
});

export const projectsCommand: CommandSpec = {
  summary: 'The projects that sessions belong to.',
  verbs: { list, map },
  bare: 'list',
};
