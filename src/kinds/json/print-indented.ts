import type { JsonTree } from './tree.ts';

/** The value as `JSON.stringify(value, null, 2)` lays it out, numbers as they were written. Cost: O(size). */
export function printIndented(tree: JsonTree, indent = ''): string {
  if (tree.type === 'string') return JSON.stringify(tree.value);
  if (tree.type === 'literal') return tree.text;
  const inner = `${indent}  `;
  const parts =
    tree.type === 'array'
      ? tree.items.map((item) => printIndented(item, inner))
      : [...tree.members].map(([key, value]) => `${JSON.stringify(key)}: ${printIndented(value, inner)}`);
  const [open, close] = tree.type === 'array' ? ['[', ']'] : ['{', '}'];
  return parts.length === 0 ? open + close : `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}
