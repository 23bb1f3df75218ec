import type { JsonTree } from '../json/tree.ts';
import { createJsonFileKind } from './json-file.ts';
import { keyByMembers } from './merge-list.ts';
import {
  compareTimes,
  countOf,
  literal,
  mergeMembers,
  mergeUnknown,
  sameTree,
  takeLater,
  type JsonObject,
  type MergeTree,
} from './tree-merge.ts';

/** Of each entity so many places are kept, the newest. */
const CONTEXTS = 5;

const contextKey = keyByMembers('ts', 'type', 'summary');

/**
 * `entities.json`: what was talked about, by category and name. Each side's mentions count: a count is the base's and what both
 * added to it. Names are any text.
 */
export const mnemeEntitiesKind = createJsonFileKind({
  id: 'mneme-entities',
  merge: mergeMembers((key) => {
    if (key === 'lastUpdated' || key === 'lastPruned') return takeLater;
    return mergeMembers(() => mergeEntity, mergeUnknown);
  }, mergeUnknown),
  end: '',
});

function mergeEntity(...[base, theirs, ours, note]: Parameters<MergeTree>): JsonTree {
  if (!isEntity(theirs) || !isEntity(ours)) return mergeUnknown(base, theirs, ours, note);
  const rules: { readonly [key: string]: MergeTree } = { mentions: takeLater, lastSeen: takeLater, contexts: mergeContexts };
  const merged = mergeMembers((key) => (Object.hasOwn(rules, key) ? (rules[key] as MergeTree) : mergeUnknown), mergeUnknown)(
    base,
    theirs,
    ours,
    note,
  ) as JsonObject;
  return { type: 'object', members: new Map([...merged.members, ['mentions', literal(mentionsOf(base, theirs, ours))]]) };
}

function isEntity(tree: JsonTree): tree is JsonObject {
  return tree.type === 'object' && countOf(tree.members.get('mentions')) !== null;
}

/**
 * The base's count and what both added. A side below the base was taken away meanwhile and began anew. Without a base, places that
 * both have tell of a common past of unknown length: then the larger count is what is certain.
 */
function mentionsOf(base: JsonTree | undefined, theirs: JsonObject, ours: JsonObject): number {
  const [left, right] = [mentions(theirs), mentions(ours)];
  if (base === undefined && haveCommonContext(theirs, ours)) return Math.max(left, right);
  const before = base?.type === 'object' ? mentions(base) : 0;
  if (left < before && right < before) return left + right;
  return left + right - before;
}

function mentions(entity: JsonObject): number {
  return countOf(entity.members.get('mentions')) ?? 0;
}

function haveCommonContext(theirs: JsonObject, ours: JsonObject): boolean {
  const keys = new Set(contextsOf(theirs.members.get('contexts')).map(contextKey));
  return contextsOf(ours.members.get('contexts')).some((context) => keys.has(contextKey(context)));
}

/** All places of both sides, but only the newest {@link CONTEXTS}; of a release that keeps more, as many as a side has. */
function mergeContexts(...[base, theirs, ours, note]: Parameters<MergeTree>): JsonTree {
  if (theirs.type !== 'array' || ours.type !== 'array') return mergeUnknown(base, theirs, ours, note);
  const union = new Map([...theirs.items, ...ours.items].map((context) => [contextKey(context), context]));
  if (union.size === theirs.items.length) return theirs;
  const cap = Math.max(CONTEXTS, theirs.items.length, ours.items.length);
  const newest = [...union.values()].toSorted((a, b) => compareTimes(timeOf(a), timeOf(b))).slice(-cap);
  const items: JsonTree = { type: 'array', items: newest };
  return sameTree(items, ours) ? ours : items;
}

function contextsOf(tree: JsonTree | undefined): readonly JsonTree[] {
  return tree?.type === 'array' ? tree.items : [];
}

function timeOf(context: JsonTree): JsonTree | undefined {
  return context.type === 'object' ? context.members.get('ts') : undefined;
}
