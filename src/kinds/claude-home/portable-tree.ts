import { parseTree, printTree, type JsonTree } from '../json/tree.ts';
import { encodeText } from '../read-text.ts';
import type { FormContext, KeptSecrets } from './form.ts';
import { fromPortable, toPortable, type MachinePaths } from './path-tokens.ts';

/** What a form adds to its context. */
export interface TreeContext extends FormContext {
  /** Whether the member at a place is named by the path of a project. */
  readonly isProject?: (place: readonly string[]) => boolean;
  /** Whether the entries of the list at a place come and go each by itself. */
  readonly isEntries?: (place: readonly string[]) => boolean;
}

const PROJECT = /^\{\{satchel:project:([a-z0-9-]+)\}\}$/;
const MARK = /^\{\{satchel:secret(?: (\d+))?\}\}$/;

export const pointerOf = (path: readonly string[]): string =>
  path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** One key of a pointer, as it is. */
export const placeKey = (key: string): string => key.replaceAll('~1', '/').replaceAll('~0', '~');

export function isMark(tree: JsonTree): boolean {
  return tree.type === 'string' && MARK.test(tree.value);
}

/** The marks in a tree of the space, with their places, and their numbers in lists. */
export function marksIn(tree: JsonTree, place: readonly string[] = []): { readonly place: readonly string[]; readonly number?: string }[] {
  if (tree.type === 'array') return tree.items.flatMap((item) => marksIn(item, place));
  if (tree.type === 'object') return [...tree.members].flatMap(([key, member]) => marksIn(member, [...place, key]));
  const mark = tree.type === 'string' ? MARK.exec(tree.value) : null;
  if (mark === null) return [];
  return [mark[1] === undefined ? { place } : { place, number: mark[1] }];
}

/** What is kept of a value that is no text. */
const OTHER = '{{satchel:json}}';

function keptText(value: JsonTree): string {
  return value.type === 'string' && !value.value.startsWith(OTHER) ? value.value : `${OTHER}${printTree(value)}`;
}

function keptTree(text: string): JsonTree {
  if (!text.startsWith(OTHER)) return { type: 'string', value: text };
  const tree = parseTree(encodeText(text.slice(OTHER.length)));
  if (!tree.ok) throw new Error('a kept value is no JSON');
  return tree.value;
}

/**
 * A local value as the space spells it: folders of this machine as tokens (in keys too), secret values as marks:
 * `secrets` points to those. The values behind the marks come back in `kept`. In a list a mark has a number, so that it means the same value wherever
 * it moves in there: the number its value had before, else that of the value whose place it took, else a new one.
 */
export function toPortableTree(
  tree: JsonTree,
  secrets: ReadonlySet<string>,
  { spaces, kept: before }: { readonly spaces: readonly JsonTree[]; readonly kept: KeptSecrets },
  context: TreeContext,
): { tree: JsonTree; kept: KeptSecrets } {
  const kept: Record<string, string> = {};
  const numbers = numberSecrets(tree, secrets, before, spaces, context);
  const convert = (value: JsonTree, path: readonly string[], place: readonly string[], listed: boolean): JsonTree => {
    if (secrets.has(pointerOf(path))) {
      const number = listed ? numbers.get(pointerOf(path)) : undefined;
      kept[secretKey(place, number)] = keptText(value);
      return { type: 'string', value: number === undefined ? '{{satchel:secret}}' : `{{satchel:secret ${number}}}` };
    }
    if (value.type === 'array')
      return { type: 'array', items: value.items.map((item, i) => convert(item, [...path, `${i}`], place, true)) };
    if (value.type === 'object') {
      const members = [...value.members].map(([key, member]): [string, JsonTree] => {
        const name = spaceKey(key, place, context);
        return [name, convert(member, [...path, key], [...place, name], listed)];
      });
      return { type: 'object', members: new Map(members) };
    }
    return value.type === 'string' ? { type: 'string', value: toPortable(value.value, context.paths) } : value;
  };
  return { tree: convert(tree, [], [], false), kept };
}

/** Takes a value for a mark; `null`: this machine has none. */
export type FindSecret = (key: string) => string | null;

/** What goes as one: `isWhole` where a value in a list in it is missing, `needsAll` where any value is. */
export interface WholeParts {
  readonly paths: MachinePaths;
  readonly isWhole: (place: readonly string[]) => boolean;
  readonly needsAll: (place: readonly string[]) => boolean;
}

/** Members without which the object that they are in is none: a server without its address, a status line without its command. */
const ESSENTIAL = ['url', 'command'];

export interface Localised {
  /** In the spelling that this machine would give it. `null`: all of it was left out. */
  readonly tree: JsonTree | null;
  /** Pointers, as the space spells them, to what has no value here. */
  readonly needs: readonly string[];
}

/**
 * What stays of a portable value here: marks without a value are left out, with the member that they are the value of,
 * or, in a list, with the member that holds the outermost list: half a command line is worse than none. `isWhole` names
 * what goes as one in that case. Objects that are empty only by that go too. What this machine has in such a place, it keeps.
 */
export function withoutMissing(
  tree: JsonTree,
  at: readonly string[],
  have: JsonTree | null,
  find: FindSecret,
  { paths, isWhole, needsAll }: WholeParts,
): Localised {
  const needs: string[] = [];
  const lacking = (value: JsonTree, place: readonly string[], listed: boolean, onlyListed: boolean): string[] => {
    if (value.type === 'array') return value.items.flatMap((item) => lacking(item, place, true, onlyListed));
    if (value.type === 'object') return [...value.members].flatMap(([key, member]) => lacking(member, [...place, key], listed, onlyListed));
    const mark = value.type === 'string' && (listed || !onlyListed) ? MARK.exec(value.value) : null;
    return mark === null || find(secretKey(place, mark[1])) !== null ? [] : [pointerOf(place)];
  };
  const leaveOut = (value: JsonTree, place: readonly string[], mine: JsonTree | null): JsonTree | null => {
    if (mine === null || value.type !== 'string') needs.push(...lacking(value, place, false, false));
    return mine;
  };
  const strip = (value: JsonTree, place: readonly string[], mine: JsonTree | null): JsonTree | null => {
    if (value.type !== 'object')
      return lacking(value, place, false, false).length > 0 ? leaveOut(value, place, mine) : respelled(value, paths);
    const lacks = (key: string): boolean => {
      const member = value.members.get(key);
      return member !== undefined && isMark(member) && lacking(member, [...place, key], false, false).length > 0;
    };
    const isUseless = ESSENTIAL.some(lacks) || (needsAll(place) && lacking(value, place, false, false).length > 0);
    if (isUseless || (isWhole(place) && lacking(value, place, false, true).length > 0)) return leaveOut(value, place, mine);
    const mineByKey = mine?.type === 'object' ? mine.members : new Map<string, JsonTree>();
    const members = [...value.members].flatMap(([key, member]): [string, JsonTree][] => {
      const kept = strip(member, [...place, key], mineByKey.get(key) ?? null);
      return kept === null ? [] : [[key, kept]];
    });
    if (members.length === 0 && value.members.size > 0) return mine?.type === 'object' ? mine : null;
    return { type: 'object', members: new Map(members) };
  };
  const stays = strip(tree, at, have);
  return { tree: stays, needs: [...new Set(needs)] };
}

/** Folders of this machine that another one wrote out, as tokens: where both spell the same path, they are one value. */
function respelled(value: JsonTree, paths: MachinePaths): JsonTree {
  if (value.type === 'array') return { type: 'array', items: value.items.map((item) => respelled(item, paths)) };
  if (value.type === 'object') {
    return { type: 'object', members: new Map([...value.members].map(([key, member]) => [key, respelled(member, paths)])) };
  }
  if (value.type !== 'string' || MARK.test(value.value)) return value;
  return { type: 'string', value: toPortable(fromPortable(value.value, paths), paths) };
}

/** A portable value as this machine has it. Every mark in it must have a value. */
export function toLocalTree(tree: JsonTree, find: FindSecret, context: TreeContext): JsonTree {
  const { paths } = context;
  const convert = (value: JsonTree, place: readonly string[]): JsonTree => {
    if (value.type === 'array') return { type: 'array', items: value.items.map((item) => convert(item, place)) };
    if (value.type === 'object') {
      const members = [...value.members].map(([key, member]): [string, JsonTree] => [
        localKey(key, context),
        convert(member, [...place, key]),
      ]);
      return { type: 'object', members: new Map(members) };
    }
    if (value.type !== 'string') return value;
    const mark = MARK.exec(value.value);
    if (mark === null) return { type: 'string', value: fromPortable(value.value, paths) };
    const secret = find(secretKey(place, mark[1]));
    if (secret === null) throw new Error(`a mark without a value at ${pointerOf(place)}`);
    return keptTree(secret);
  };
  return convert(tree, []);
}

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

export function secretKey(place: readonly string[], number: string | number | undefined): string {
  return number === undefined ? pointerOf(place) : `${pointerOf(place)}#${number}`;
}

/** Numbers for the secrets that stand in lists, by pointer. A mark that this machine has no value for gets its value first. */
function numberSecrets(
  tree: JsonTree,
  secrets: ReadonlySet<string>,
  before: KeptSecrets,
  spaces: readonly JsonTree[],
  context: TreeContext,
): Map<string, number> {
  const places = new Map<string, { pointer: string; value: string }[]>();
  const entries = new Set<string>();
  const collect = (value: JsonTree, path: readonly string[], place: readonly string[], listed: boolean): void => {
    if (secrets.has(pointerOf(path))) {
      const at = pointerOf(place);
      if (listed && context.isEntries?.(place) === true) entries.add(at);
      if (listed) places.set(at, [...(places.get(at) ?? []), { pointer: pointerOf(path), value: keptText(value) }]);
    } else if (value.type === 'array') value.items.forEach((item, i) => collect(item, [...path, `${i}`], place, true));
    else if (value.type === 'object') {
      for (const [key, member] of value.members) collect(member, [...path, key], [...place, spaceKey(key, place, context)], listed);
    }
  };
  collect(tree, [], [], false);
  const numbers = new Map<string, number>();
  if (places.size === 0) return numbers;
  const marks = spaces.flatMap((space) => marksIn(space).map(({ place, number }) => secretKey(place, number)));
  for (const [place, found] of places) {
    const known = [...new Set([...Object.keys(before), ...marks])].flatMap((key) =>
      key.startsWith(`${place}#`) ? [{ number: Number(key.slice(place.length + 1)), value: before[key] }] : [],
    );
    // What the space has a mark for comes before what is kept of former ones, in the space's order.
    const standing = ({ number }: { readonly number: number }): number => {
      const at = marks.indexOf(`${place}#${number}`);
      return at < 0 ? marks.length : at;
    };
    const free = known.toSorted((a, b) => standing(a) - standing(b) || a.number - b.number);
    const take = (at: number): number => free.splice(at, 1)[0]?.number ?? -1;
    const rest = found.filter(({ pointer, value }) => {
      const same = free.findIndex((entry) => entry.value === value);
      if (same >= 0) numbers.set(pointer, take(same));
      return same < 0;
    });
    // Another entry is no change of the one that is gone.
    let next = Math.max(-1, ...known.map(({ number }) => number)) + 1;
    for (const { pointer } of rest) numbers.set(pointer, free.length > 0 && !entries.has(place) ? take(0) : next++);
  }
  return numbers;
}
