import type { ProjectSpaces } from '../../gateways/mneme/spaces.ts';
import { Refusal } from '../../gateways/mneme/refusal.ts';
import { givenProject } from '../../kinds/mneme/names.ts';
import { PERSONAL, type OpenSpace, type SatchelNode } from '../node.ts';

/** On a work machine: everything is in the personal space, and one repository is one project on all machines. */
export function createPersonalProjects(node: SatchelNode): ProjectSpaces {
  const personal = (): OpenSpace | null => [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL) ?? null;
  return {
    async projectOf(projectId, isUsed) {
      const open = personal();
      const projects = open?.mneme ?? null;
      const project = projects === null ? givenProject(projectId) : await (isUsed ? projects.bind(projectId) : projects.toSpace(projectId));
      if (!project.ok) throw new Refusal(400, `Invalid project id: ${project.error}`);
      return project.value;
    },
    find: async () => personal()?.replica ?? null,
    async make() {
      const replica = personal()?.replica;
      if (replica === undefined) throw new Refusal(503, 'This machine has no personal space yet');
      return replica;
    },
  };
}
