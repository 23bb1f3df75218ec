import { realpath, stat } from 'node:fs/promises';
import { z } from 'zod';
import { printable } from '../printable.ts';
import { listProjects, type ProjectEntry } from '../sessions/list-projects.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface ProjectsResult {
  readonly projects: readonly ProjectEntry[];
}

export const projectsOperation = defineOperation({
  input: noInput,
  async run(node): Promise<ProjectsResult> {
    return { projects: (await Promise.all([...node.spaces.values()].map(listProjects))).flat() };
  },
});

export interface MappedProject {
  readonly project: string;
  readonly folder: string;
}

/** Gives a project its folder on this machine, and puts in place there what waited for one. */
export const mapProjectOperation = defineOperation({
  input: z.strictObject({ project: z.string().min(1).max(128), folder: z.string().min(1).max(4096) }),
  async run(node, { project, folder }): Promise<MappedProject> {
    const real = await realpath(folder).catch(() => null);
    if (real === null || !(await stat(real)).isDirectory())
      throw new OperationFailure('usage', 'no-folder', `there is no such folder: ${printable(folder)}`, 'Make it first');
    for (const open of node.spaces.values()) {
      const source = open.sources.find(({ projects }) => projects !== null);
      const matching = (await listProjects(open)).filter(({ id }) => id === project || id.startsWith(`${project}-`));
      const [found] = matching;
      if (source?.projects == null || found === undefined) continue;
      if (matching.length > 1 && found.id !== project)
        throw new OperationFailure('usage', 'ambiguous-project', `more than one project is called ${project}`, 'Run: satchel projects');
      const mapped = await (await source.projects.places()).map(found.id, real);
      if (!mapped.ok) throw new OperationFailure('usage', 'has-place', mapped.error, 'Run: satchel projects');
      // All of them: .claude.json beside the Claude home, and the memory of mneme, name projects too.
      for (const each of open.sources) await each.source.apply();
      return { project: found.id, folder: real };
    }
    throw new OperationFailure(
      'usage',
      'no-such-project',
      `there is no project of that id: ${printable(project)}`,
      'Run: satchel projects',
    );
  },
});
