import type { Replica } from '../../core/replica/replica.ts';
import type { ProjectSpaces } from '../../gateways/mneme/spaces.ts';
import { Refusal } from '../../gateways/mneme/refusal.ts';
import { findFolder } from '../../sources/mneme-files/find-folder.ts';
import { createMnemeProjects, type MnemeProjects } from '../../sources/mneme-files/mneme-projects.ts';
import { givenProject } from '../../kinds/mneme/names.ts';
import { PERSONAL, type OpenSpace, type SatchelNode } from '../node.ts';

/** By replica: what asks it remembers a good deal. */
const known = new WeakMap<Replica, MnemeProjects>();

/** The projects of mneme in a space whose Claude home is here; `null` where it is not. */
export function mnemeProjectsOf({ replica, sources }: OpenSpace): MnemeProjects | null {
  const projects = sources.find((source) => source.projects !== null)?.projects ?? null;
  if (projects === null) return null;
  const found =
    known.get(replica) ??
    createMnemeProjects({
      store: replica.deps.store,
      space: replica.space,
      clock: replica.deps.clock,
      book: projects.book,
      places: projects.places,
      findFolder,
    });
  known.set(replica, found);
  return found;
}

/** On a work machine: everything is in the personal space, and one repository is one project on all machines. */
export function createPersonalProjects(node: SatchelNode): ProjectSpaces {
  const personal = (): OpenSpace | null => [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL) ?? null;
  return {
    async projectOf(projectId, isUsed) {
      const open = personal();
      const projects = open === null ? null : mnemeProjectsOf(open);
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
