import type { Item } from '../../core/item.ts';
import { fail, ok, type Result } from '../../core/result.ts';

/** Before the names of all items of mneme: `mneme/PROJECT/FILE`. */
export const MNEME_PREFIX = 'mneme/';

/** What travels of a project, and by which kind's rules. `summary.md` is none of these: it is rendered from `summary.json`. */
export const MNEME_KINDS = {
  'log.jsonl': 'mneme-log',
  'remembered.json': 'mneme-remembered',
  'entities.json': 'mneme-entities',
  'summary.json': 'mneme-summary',
} as const;

export type MnemeFile = keyof typeof MNEME_KINDS;

export const MNEME_FILES = Object.keys(MNEME_KINDS) as readonly MnemeFile[];

/** The file that is rendered from `summary.json`, and never captured. */
export const RENDERED_FILE = 'summary.md';

declare const brand: unique symbol;
/** A project as a segment of a name. Two projects never have one. */
export type MnemeProject = string & { readonly [brand]: 'MnemeProject' };

/** What leaves room for the prefix and the longest file below it. */
const LONGEST = 900;
const GIVEN = /^(?:[A-Za-z0-9_.-]|%[0-9A-F]{2})+$/;
const LONE_SURROGATE = /\p{Surrogate}/u;
const MAPPED = /^~[a-z0-9][a-z0-9-]{0,63}$/;

/**
 * A project by the id that a client gave it, any text: what is not `[A-Za-z0-9_.-]` is percent-encoded, a dot at the
 * beginning too, so that ids never collide and none leads elsewhere. Refuses what is empty, too long or no text.
 */
export function givenProject(id: string): Result<MnemeProject, string> {
  if (id === '') return fail('a project id is empty');
  if (id.length > LONGEST) return fail('a project id is too long');
  if (LONE_SURROGATE.test(id)) return fail('a project id is not well-formed Unicode');
  const encoded = encodeURIComponent(id)
    .replace(/[!'()*~]/g, percent)
    .replace(/^\./, percent);
  return encoded.length > LONGEST ? fail('a project id is too long') : ok(encoded as MnemeProject);
}

/** A project of this machine's map, by the project's id in the space: the same on every machine, wherever it stands there. */
export function mappedProject(id: string): MnemeProject {
  const project = `~${id}`;
  if (!MAPPED.test(project)) throw new Error(`not the id of a project: ${id}`);
  return project as MnemeProject;
}

/** Whose project it is: the id that a client gave it, or the one that projects have in the space. `null` for no project. */
export function projectId(project: string): { readonly type: 'given' | 'mapped'; readonly id: string } | null {
  if (MAPPED.test(project)) return { type: 'mapped', id: project.slice(1) };
  if (!GIVEN.test(project) || project.startsWith('.')) return null;
  try {
    const id = decodeURIComponent(project);
    const again = givenProject(id);
    return again.ok && again.value === project ? { type: 'given', id } : null;
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

export function mnemeItem(project: MnemeProject, file: MnemeFile): Item {
  return { kind: MNEME_KINDS[file], name: `${MNEME_PREFIX}${project}/${file}` };
}

/** `null` for a name that is not one of a project's. `file` may be any path below the project. */
export function parseMnemeName(name: string): { readonly project: MnemeProject; readonly file: string } | null {
  if (!name.startsWith(MNEME_PREFIX)) return null;
  const cut = name.indexOf('/', MNEME_PREFIX.length);
  const project = cut === -1 ? '' : name.slice(MNEME_PREFIX.length, cut);
  const file = name.slice(cut + 1);
  return projectId(project) === null || file === '' ? null : { project: project as MnemeProject, file };
}

/** The kind of a file below a project, whoever carries it. */
export function mnemeKind(file: string): string {
  if (isMnemeFile(file)) return MNEME_KINDS[file];
  return file.endsWith('.json') ? 'mneme-handoff' : 'opaque';
}

export function isMnemeFile(file: string): file is MnemeFile {
  return Object.hasOwn(MNEME_KINDS, file);
}

/** The project's files belong together. */
export function mnemeGroup(name: string): string | null {
  const parsed = parseMnemeName(name);
  return parsed === null ? null : `${MNEME_PREFIX}${parsed.project}`;
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}
