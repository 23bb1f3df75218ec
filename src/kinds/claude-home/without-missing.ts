import type { JsonTree } from '../json/tree.ts';
import { fromPortable, toPortable, type MachinePaths } from './path-tokens.ts';
import { isMark, MARK, pointerOf, secretKey, type FindSecret } from './secret-marks.ts';

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
