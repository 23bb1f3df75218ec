import type { JsonTree } from '../json/tree.ts';

/** Stands in the space where a machine keeps a value to itself; in a list with a number. */
export const MARK = /^\{\{satchel:secret(?: (\d+))?\}\}$/;

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

export function secretKey(place: readonly string[], number: string | number | undefined): string {
  return number === undefined ? pointerOf(place) : `${pointerOf(place)}#${number}`;
}

/** Takes a value for a mark; `null`: this machine has none. */
export type FindSecret = (key: string) => string | null;
