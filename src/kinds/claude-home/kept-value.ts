import { parseTree, printTree, type JsonTree } from '../json/tree.ts';
import { encodeText } from '../read-text.ts';

/** What is kept of a value that is no text. */
const OTHER = '{{satchel:json}}';

export function keptText(value: JsonTree): string {
  return value.type === 'string' && !value.value.startsWith(OTHER) ? value.value : `${OTHER}${printTree(value)}`;
}

export function keptTree(text: string): JsonTree {
  if (!text.startsWith(OTHER)) return { type: 'string', value: text };
  const tree = parseTree(encodeText(text.slice(OTHER.length)));
  if (!tree.ok) throw new Error('a kept value is no JSON');
  return tree.value;
}
