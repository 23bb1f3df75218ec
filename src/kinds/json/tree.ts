import { fail, ok, type Result } from '../../core/result.ts';
import { encodeText, readText } from '../read-text.ts';
import { canonicalNumber } from './canonical-number.ts';
import { createMeanings, type JsonDocument, type JsonItem, type JsonNode, type Meanings } from './document.ts';
import type { MergedItem, MergedValue } from './merge-values.ts';
import { parseJson } from './parse-json.ts';
import { printMerged } from './print-merged.ts';

/** A JSON value to work with. Numbers, `true`, `false` and `null` are literals, as they were written. */
export type JsonTree =
  | { readonly type: 'object'; readonly members: ReadonlyMap<string, JsonTree> }
  | { readonly type: 'array'; readonly items: readonly JsonTree[] }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'literal'; readonly text: string };

export const EMPTY_OBJECT: JsonTree = { type: 'object', members: new Map() };

/** Refuses what `parseJson` refuses, and what is not UTF-8. */
export function parseTree(body: Uint8Array): Result<JsonTree, string> {
  const text = readText(body);
  if (text === null) return fail('not UTF-8 text');
  const document = parseJson(text, createMeanings());
  return document.ok ? ok(treeOf(document.value.root)) : document;
}

export function treeOf(node: JsonNode): JsonTree {
  if (node.type === 'object') return { type: 'object', members: new Map(node.items.map(({ key, value }) => [key, treeOf(value)])) };
  if (node.type === 'array') return { type: 'array', items: node.items.map(({ value }) => treeOf(value)) };
  const text = node.source.text.slice(node.start, node.end);
  return text.startsWith('"') ? { type: 'string', value: String(JSON.parse(text)) } : { type: 'literal', text };
}

/** All its strings that are no keys. */
export function textsIn(tree: JsonTree): string[] {
  if (tree.type === 'string') return [tree.value];
  if (tree.type === 'literal') return [];
  return (tree.type === 'array' ? tree.items : [...tree.members.values()]).flatMap(textsIn);
}

/** The value on one line, its members in their order. */
export function printTree(tree: JsonTree): string {
  return print(
    tree,
    (members) => members,
    (text) => text,
  );
}

/** One text for each value: keys sorted, numbers in one spelling. */
export function canonicalTree(tree: JsonTree): string {
  const byKey = (members: [string, JsonTree][]) => members.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return print(tree, byKey, (text) => (/^[-\d]/.test(text) ? canonicalNumber(text) : text));
}

function print(tree: JsonTree, order: (members: [string, JsonTree][]) => [string, JsonTree][], literal: (text: string) => string): string {
  if (tree.type === 'string') return JSON.stringify(tree.value);
  if (tree.type === 'literal') return literal(tree.text);
  if (tree.type === 'array') return `[${tree.items.map((item) => print(item, order, literal)).join(',')}]`;
  const members = order([...tree.members]).map(([key, value]) => `${JSON.stringify(key)}:${print(value, order, literal)}`);
  return `{${members.join(',')}}`;
}

/**
 * A body that means `tree` and is `template` character by character where the two mean the same; the very bytes where
 * they do altogether. What is not JSON is no template: the value is laid out anew then. Cost: O(n log n).
 */
export function printOnto(template: Uint8Array | null, tree: JsonTree): Uint8Array {
  const meanings = createMeanings();
  const wanted = documentOf(printTree(tree), meanings);
  const text = template === null ? null : readText(template);
  const written = text === null ? null : parseJson(text, meanings);
  if (template === null || written === null || !written.ok) return encodeText(`${JSON.stringify(JSON.parse(printTree(tree)), null, 2)}\n`);
  if (written.value.root.meaning === wanted.root.meaning) return template;
  return encodeText(printMerged(retold(written.value.root, wanted.root), written.value, wanted));
}

function documentOf(text: string, meanings: Meanings): JsonDocument {
  const document = parseJson(text, meanings);
  if (!document.ok) throw new Error(`a printed value is ${document.error}`);
  return document.value;
}

/** `wanted`, told with as much of `written` as means the same. */
function retold(written: JsonNode, wanted: JsonNode): MergedValue {
  if (written.meaning === wanted.meaning) return { type: 'node', node: written };
  if (written.type === 'object' && wanted.type === 'object')
    return { type: 'changed', template: written, items: retoldMembers(written, wanted) };
  if (written.type === 'array' && wanted.type === 'array')
    return { type: 'changed', template: written, items: retoldElements(written, wanted) };
  return { type: 'node', node: wanted };
}

function retoldMembers(written: JsonNode, wanted: JsonNode): MergedItem[] {
  const wantedByKey = new Map(wanted.items.map((item) => [item.key, item]));
  const keys = new Set(written.items.map(({ key }) => key));
  const kept = written.items.flatMap((source): MergedItem[] => {
    const value = wantedByKey.get(source.key)?.value;
    return value === undefined ? [] : [{ source, added: false, value: retold(source.value, value) }];
  });
  return [...kept, ...wanted.items.filter(({ key }) => !keys.has(key)).map(addedItem)];
}

function retoldElements(written: JsonNode, wanted: JsonNode): MergedItem[] {
  const unused = new Map<number, JsonItem[]>();
  for (const item of written.items) unused.set(item.value.meaning, [...(unused.get(item.value.meaning) ?? []), item]);
  return wanted.items.map((item) => {
    const source = unused.get(item.value.meaning)?.shift();
    return source === undefined ? addedItem(item) : { source, added: false, value: { type: 'node', node: source.value } };
  });
}

function addedItem(source: JsonItem): MergedItem {
  return { source, added: true, value: { type: 'node', node: source.value } };
}
