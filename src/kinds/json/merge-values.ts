import type { JsonItem, JsonNode } from './document.ts';

/** A value of the merged document: one side's as it is, or theirs with some of its items changed. */
export type MergedValue =
  | { readonly type: 'node'; readonly node: JsonNode }
  | { readonly type: 'changed'; readonly template: JsonNode; readonly items: readonly MergedItem[] };

export interface MergedItem {
  /** Of theirs where they hold the item, else of ours. */
  readonly source: JsonItem;
  readonly added: boolean;
  readonly value: MergedValue;
}

export type JsonPath = readonly string[];

type Maybe = JsonNode | undefined;

/**
 * Three-way merge of values; `undefined` is "not there". Objects merge by key, recursively. Arrays of scalars without
 * repetition merge as sets, but for the arguments of commands. Anything else is atomic. Where both sides changed one value differently, theirs stands and
 * the path goes to `collisions`; where one changed and the other removed it, the change stands.
 * The result is `{type: 'node', node: theirs}` if nothing came from ours. With `prefer: 'ours'`, ours stands where they
 * collide. Cost: O(values).
 */
export function mergeValues(
  base: Maybe,
  theirs: Maybe,
  ours: Maybe,
  path: JsonPath,
  collisions: JsonPath[],
  prefer: 'theirs' | 'ours' = 'theirs',
): MergedValue | undefined {
  if (same(theirs, ours) || same(base, ours)) return asNode(theirs);
  if (same(base, theirs)) return asNode(ours);
  if (theirs === undefined || ours === undefined) return asNode(theirs ?? ours);
  if (theirs.type === 'object' && ours.type === 'object') return mergeObjects(base, theirs, ours, path, collisions, prefer);
  if (!isOrdered(path) && isSet(theirs) && isSet(ours) && (base === undefined || base.type !== 'array' || isSet(base)))
    return mergeSets(base, theirs, ours);
  collisions.push(path);
  return asNode(prefer === 'theirs' ? theirs : ours);
}

function mergeObjects(
  base: Maybe,
  theirs: JsonNode,
  ours: JsonNode,
  path: JsonPath,
  collisions: JsonPath[],
  prefer: 'theirs' | 'ours',
): MergedValue {
  const inBase = membersOf(base);
  const inTheirs = membersOf(theirs);
  const inOurs = membersOf(ours);
  const items: MergedItem[] = [];
  let changed = false;
  const place = (source: JsonItem, added: boolean): void => {
    const { key } = source;
    const value = mergeValues(inBase.get(key), inTheirs.get(key), inOurs.get(key), [...path, key], collisions, prefer);
    if (value !== undefined) items.push({ source, added, value });
    if (added ? value !== undefined : value?.type !== 'node' || value.node !== source.value) changed = true;
  };
  for (const item of theirs.items) place(item, false);
  for (const item of ours.items) if (!inTheirs.has(item.key)) place(item, true);
  return changed ? { type: 'changed', template: theirs, items } : { type: 'node', node: theirs };
}

function mergeSets(base: Maybe, theirs: JsonNode, ours: JsonNode): MergedValue {
  const inBase = new Set(base?.type === 'array' ? base.items.map(meaningOf) : []);
  const inTheirs = new Set(theirs.items.map(meaningOf));
  const inOurs = new Set(ours.items.map(meaningOf));
  const kept = theirs.items.filter((item) => !inBase.has(meaningOf(item)) || inOurs.has(meaningOf(item)));
  const added = ours.items.filter((item) => !inBase.has(meaningOf(item)) && !inTheirs.has(meaningOf(item)));
  if (kept.length === theirs.items.length && added.length === 0) return { type: 'node', node: theirs };
  const items = [...kept.map((item) => elementOf(item, false)), ...added.map((item) => elementOf(item, true))];
  return { type: 'changed', template: theirs, items };
}

function elementOf(source: JsonItem, added: boolean): MergedItem {
  return { source, added, value: { type: 'node', node: source.value } };
}

/** Members whose arrays are lists of words in their order, wherever they stand: what is put together of two runs neither. */
const ORDERED: ReadonlySet<string> = new Set(['args', 'argv', 'command']);

function isOrdered(path: JsonPath): boolean {
  return ORDERED.has(path.at(-1) ?? '');
}

/** An array that repeats a value is a sequence, not a set. */
function isSet(node: JsonNode): boolean {
  if (node.type !== 'array' || node.items.some((item) => item.value.type !== 'scalar')) return false;
  return new Set(node.items.map(meaningOf)).size === node.items.length;
}

/** A map, so that `__proto__` and the like are keys as any other. */
function membersOf(node: Maybe): Map<string, JsonNode> {
  return new Map(node?.type === 'object' ? node.items.map((item) => [item.key, item.value]) : []);
}

function meaningOf(item: JsonItem): number {
  return item.value.meaning;
}

function same(a: Maybe, b: Maybe): boolean {
  return a?.meaning === b?.meaning;
}

function asNode(node: Maybe): MergedValue | undefined {
  return node === undefined ? undefined : { type: 'node', node };
}
