import type { Kind } from '../../core/merge/kind.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';
import { isGitAlias, type ProjectAlias } from './project-alias.ts';

/** What is known of a project: by what other machines recognise it. The first machine's aliases stand for its name. */
export interface Project {
  readonly id: string;
  /** Sorted, each once. Only grows. */
  readonly aliases: readonly ProjectAlias[];
}

const NAMES = '.satchel/projects/';
const ID = /^[a-z0-9][a-z0-9-]{0,63}$/;
const MAX_ALIASES = 1_000;
const MAX_ALIAS = 4_096;

/** The name of the item that holds a project's aliases. */
export function projectItemName(id: string): string {
  return `${NAMES}${id}`;
}

/** The id in such a name; `null` for another name. */
export function projectOfItemName(name: string): string | null {
  const id = name.startsWith(NAMES) ? name.slice(NAMES.length) : '';
  return ID.test(id) ? id : null;
}

export function encodeProject(aliases: readonly ProjectAlias[]): Uint8Array {
  return Buffer.from(`${JSON.stringify({ aliases: [...new Set(aliases)].sort() }, null, 2)}\n`);
}

export function parseProject(body: Uint8Array): Result<readonly ProjectAlias[], string> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return fail('is not JSON');
    throw error;
  }
  const aliases = typeof value === 'object' && value !== null && 'aliases' in value ? value.aliases : null;
  if (!Array.isArray(aliases) || aliases.length > MAX_ALIASES) return fail('has no list of aliases');
  if (!aliases.every((alias): alias is string => typeof alias === 'string' && alias.length <= MAX_ALIAS)) return fail('has a bad alias');
  return ok([...new Set(aliases)].sort());
}

/** A project's aliases: the union, whoever adds one. O(size). */
export const projectKind: Kind = {
  id: 'project',
  deletable: false,
  appends: false,
  atomicGroups: false,
  groupOf: () => null,
  merge: (input) => mergeThreeWay(input, mergeProjects),
};

function mergeProjects(_base: Uint8Array | null, theirs: Uint8Array, ours: Uint8Array): BodyOutcome {
  const [a, b] = [parseProject(theirs), parseProject(ours)];
  if (!a.ok || !b.ok) return { type: 'conflict', reason: 'a side is no list of aliases' };
  return { type: 'merged', body: encodeProject([...a.value, ...b.value]) };
}

/**
 * Which project a folder with these aliases (the best first) belongs to; `null`: a new one. A path alone says nothing
 * where both are checkouts, of different repositories. Several projects with one alias, minted offline: the first by id.
 */
export function matchProject(aliases: readonly ProjectAlias[], projects: Iterable<Project>): Project | null {
  const all = [...projects].sort((a, b) => (a.id < b.id ? -1 : 1));
  const checkout = aliases.some(isGitAlias);
  for (const alias of aliases) {
    const found = all.find(
      (project) => project.aliases.includes(alias) && (isGitAlias(alias) || !checkout || !project.aliases.some(isGitAlias)),
    );
    if (found !== undefined) return found;
  }
  return null;
}
