import type { JsonTree } from '../json/tree.ts';
import type { KeptSecrets } from './form.ts';
import { keptText, keptTree } from './kept-value.ts';
import { fromPortable, toPortable } from './path-tokens.ts';
import { localKey, spaceKey } from './project-keys.ts';
import { MARK, pointerOf, secretKey, type FindSecret } from './secret-marks.ts';
import { numberSecrets } from './secret-numbers.ts';
import type { TreeContext } from './tree-context.ts';

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
