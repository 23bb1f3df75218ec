import { EMPTY_HEAD } from '../../core/log/record.ts';
import { createSpace } from '../../core/replica/create-space.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { Refusal } from '../../gateways/mneme/refusal.ts';
import type { ProjectSpaces } from '../../gateways/mneme/spaces.ts';
import { givenProject, MNEME_PREFIX, type MnemeProject } from '../../kinds/mneme/names.ts';
import type { SatchelNode } from '../node.ts';
import { keepRecoverySecret } from '../recovery-file.ts';

/** On a hub: an open space for each project, which the hub can read, since clients speak to it in clear text. */
export function createHubProjects(node: SatchelNode): ProjectSpaces {
  const making = new Mutex();

  const find = (project: MnemeProject): Replica | null => {
    const name = MNEME_PREFIX + project;
    for (const { entry, replica } of node.spaces.values()) if (entry.name === name) return replica;
    return null;
  };

  async function make(project: MnemeProject): Promise<Replica> {
    const { space, genesis, recoverySecret } = await createSpace(node.deps, 'open');
    await keepRecoverySecret(node.home, space, recoverySecret);
    await node.local.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
    const entry = { space, name: MNEME_PREFIX + project, remote: null, addedAt: node.deps.clock.now(), recoveryShown: false };
    return (await node.addSpace(entry)).replica;
  }

  return {
    async projectOf(projectId) {
      const project = givenProject(projectId);
      if (!project.ok) throw new Refusal(400, `Invalid project id: ${project.error}`);
      return project.value;
    },
    find: async (project) => find(project),
    make: async (project) => find(project) ?? making.run(async () => find(project) ?? make(project)),
  };
}
