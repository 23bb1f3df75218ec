import { canonicalTree, parseTree, type JsonTree } from '../json/tree.ts';
import { splitJsonl } from '../jsonl/split-jsonl.ts';

/**
 * What stands in a file of mneme on its own: lines of a log, elements of lists, members of members, each with all that it says. To
 * tell which of two versions another was made from. Empty for what cannot be read. Cost: O(size).
 */
export function entriesOf(file: string, body: Uint8Array): ReadonlySet<string> {
  if (!file.endsWith('.json')) return new Set(splitJsonl(body).lines.filter((line) => line !== ''));
  const tree = parseTree(body);
  const entries = new Set<string>();
  if (!tree.ok) return entries;
  for (const [name, part] of membersOf(tree.value)) {
    if (tree.value.type === 'array') entries.add(canonicalTree(part));
    else for (const [key, each] of membersOf(part)) entries.add(JSON.stringify([name, key, canonicalTree(each)]));
  }
  return entries;
}

/** Of an array, in whatever place they stand. */
function membersOf(tree: JsonTree): readonly (readonly [string, JsonTree])[] {
  if (tree.type === 'object') return [...tree.members];
  return tree.type === 'array' ? tree.items.map((item) => ['', item] as const) : [];
}
