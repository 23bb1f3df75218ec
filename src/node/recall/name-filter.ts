import type { MachineId, SpaceId } from '../../core/ids.ts';
import { shortProject } from '../../kinds/claude-home/short-project.ts';
import { machineNames } from '../machine-names.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { OperationFailure } from '../operations/operation.ts';

/** All machines that a space has or had, by space. */
export async function namesBySpace(node: SatchelNode): Promise<Map<SpaceId, Map<MachineId, string>>> {
  const names = new Map<SpaceId, Map<MachineId, string>>();
  for (const open of node.spaces.values())
    if ((await open.replica.head()) !== null) names.set(open.entry.space, (await machineNames(node, open)) as Map<MachineId, string>);
  return names;
}

/** Machines by a name, or by the beginning of an id (6 characters at least). Refuses what is none. */
export function machinesCalled(names: ReadonlyMap<SpaceId, ReadonlyMap<MachineId, string>>, wanted: string): MachineId[] {
  const all = [...names.values()].flatMap((ofSpace) => [...ofSpace]);
  const text = wanted.toLowerCase();
  const found = all.filter(([id, name]) => name.toLowerCase() === text || (text.length >= 6 && id.startsWith(text)));
  if (found.length === 0) {
    const known = [...new Set(all.map(([, name]) => name))].sort();
    throw new OperationFailure(
      'usage',
      'no-machine',
      `there is no machine ${JSON.stringify(wanted)} (there is: ${known.join(', ')})`,
      'Run: satchel machines',
    );
  }
  return [...new Set(found.map(([id]) => id))];
}

/** Of those that an index knows, the projects that a person means: by id, name, git remote or folder. `known` as the index has them. */
export async function projectsCalled(node: SatchelNode, known: Iterable<string>, wanted: string): Promise<string[]> {
  const text = wanted.toLowerCase().replace(/\/+$/, '');
  const last = text.split(/[/\\]/).at(-1) ?? text;
  const ids = new Set<string>();
  for (const open of node.spaces.values()) for (const id of await idsOf(open, text)) ids.add(id);
  const isPath = text.includes('/') || text.includes('\\');
  return [...known].filter((project) => {
    const name = project.toLowerCase();
    // claude-mem knows a project by its folder's name.
    return ids.has(project) || name === text || shortProject(name) === text || name.split('/').at(-1) === (isPath ? last : text);
  });
}

async function idsOf({ sources }: OpenSpace, text: string): Promise<string[]> {
  const projects = sources.find((source) => source.projects !== null)?.projects ?? null;
  if (projects === null) return [];
  const [known, book] = [await projects.registry.projects(), await projects.book()];
  const here = [...book.folders()].filter(([, { path }]) => path?.toLowerCase() === text).map(([, { project }]) => project);
  const called = [...known.values()].filter(({ aliases }) =>
    aliases.some((alias) => {
      const name = alias.toLowerCase();
      return name === text || name.slice(name.indexOf(':') + 1) === text || (!text.includes('/') && name.split(/[/#:]/).at(-1) === text);
    }),
  );
  return [...here, ...called.map(({ id }) => id)];
}
