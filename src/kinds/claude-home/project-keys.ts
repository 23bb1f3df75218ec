import type { JsonTree } from '../json/tree.ts';
import type { FormContext } from './form.ts';
import { fromPortable, toPortable } from './path-tokens.ts';
import type { TreeContext } from './tree-context.ts';

/** The key of a member that is named by a project's path on each machine. */
const PROJECT = /^\{\{satchel:project:([a-z0-9-]+)\}\}$/;

/** Two folders of one project are two paths: the first has the project's name. */
export function spaceKey(key: string, place: readonly string[], { paths, projects, isProject }: TreeContext): string {
  const id = isProject?.([...place, key]) === true ? (projects?.idOf(key) ?? null) : null;
  return id === null ? toPortable(key, paths) : `{{satchel:project:${id}}}`;
}

export function localKey(key: string, { paths, projects }: TreeContext): string {
  const id = PROJECT.exec(key)?.[1];
  return id === undefined ? fromPortable(key, paths) : (projects?.pathOf(id) ?? key);
}

/**
 * What the space named by a path before it was known to be a project, under the project's name. Where it has both, what
 * has the name counts.
 */
export function withProjectNames(tree: JsonTree, context: TreeContext, place: readonly string[] = []): JsonTree {
  if (tree.type !== 'object' || context.isProject === undefined) return tree;
  const members = new Map<string, JsonTree>();
  for (const [key, member] of tree.members) {
    const isNamed = PROJECT.test(key);
    const name = context.isProject([...place, key]) && !isNamed ? spaceKey(fromPortable(key, context.paths), place, context) : key;
    if (isNamed || !members.has(name)) members.set(name, withProjectNames(member, context, [...place, name]));
  }
  return { type: 'object', members };
}

/** Whether something stands below a project that has no place here. */
export function isElsewhere(place: readonly string[], { projects }: FormContext): boolean {
  return place.some((key) => {
    const id = PROJECT.exec(key)?.[1];
    return id !== undefined && (projects?.pathOf(id) ?? null) === null;
  });
}
