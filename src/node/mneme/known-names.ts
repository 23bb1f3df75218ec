import { givenProject, MNEME_PREFIX, projectId, type MnemeProject } from '../../kinds/mneme/names.ts';
import type { OpenSpace } from '../node.ts';

/**
 * What stands in a space under a name that has a project as clients on this machine call it, `mneme/ID/FILE`.
 * `null` for any other name, and where no project can have that id.
 */
export async function mnemeNameInSpace({ mneme }: Pick<OpenSpace, 'mneme'>, name: string): Promise<string | null> {
  const parts = cut(name);
  if (parts === null) return null;
  const project = mneme === null ? givenProject(parts.id) : await mneme.toSpace(parts.id);
  return project.ok ? MNEME_PREFIX + project.value + parts.rest : null;
}

/** The same of a project's own name, `mneme/ID`, where the id may be any text. */
export async function mnemeProjectInSpace({ mneme }: Pick<OpenSpace, 'mneme'>, name: string): Promise<string | null> {
  if (!name.startsWith(MNEME_PREFIX)) return null;
  const id = name.slice(MNEME_PREFIX.length);
  const project = mneme === null ? givenProject(id) : await mneme.toSpace(id);
  return project.ok ? MNEME_PREFIX + project.value : null;
}

/** The name by which people on this machine know what stands in a space under `name`; the same where nothing else is known. */
export async function mnemeNameHere({ mneme }: Pick<OpenSpace, 'mneme'>, name: string): Promise<string> {
  const parts = cut(name);
  const project = parts === null ? null : projectId(parts.id);
  if (mneme === null || parts === null || project?.type !== 'mapped') return name;
  const id = await mneme.toLocal(parts.id as MnemeProject);
  return id === null ? name : MNEME_PREFIX + id + parts.rest;
}

function cut(name: string): { readonly id: string; readonly rest: string } | null {
  if (!name.startsWith(MNEME_PREFIX)) return null;
  const below = name.slice(MNEME_PREFIX.length);
  const slash = below.indexOf('/');
  return slash === -1 ? { id: below, rest: '' } : { id: below.slice(0, slash), rest: below.slice(slash) };
}
