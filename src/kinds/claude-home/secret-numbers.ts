import type { JsonTree } from '../json/tree.ts';
import type { KeptSecrets } from './form.ts';
import { keptText } from './kept-value.ts';
import { spaceKey } from './project-keys.ts';
import { marksIn, pointerOf, secretKey } from './secret-marks.ts';
import type { TreeContext } from './tree-context.ts';

/** Numbers for the secrets that stand in lists, by pointer. A mark that this machine has no value for gets its value first. */
export function numberSecrets(
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
