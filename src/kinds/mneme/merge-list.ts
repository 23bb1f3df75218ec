import { canonicalTree, type JsonTree } from '../json/tree.ts';
import { mergeValue, type MergeTree, mergeUnknown } from './tree-merge.ts';

export interface ListRules {
  /** By what two entries are the same one. */
  readonly keyOf: (entry: JsonTree) => string;
  /** Settles an entry that both sides changed differently. */
  readonly merge: MergeTree;
  /** How many entries the client keeps. */
  readonly cap?: number;
  /** Of too many, these go last; among equals the first in the list go first. */
  readonly isKept?: (entry: JsonTree) => boolean;
}

/**
 * Lists of entries, three-way by key: theirs in their order, without what ours removed; then what ours added. An entry
 * that one side changed and the other removed stays. The nth entry under one key is an entry of its own. What is no
 * list is settled as any other value. Cost: O(size).
 */
export function mergeList(rules: ListRules): MergeTree {
  return (base, theirs, ours, note) => {
    if (theirs.type !== 'array' || ours.type !== 'array') return mergeUnknown(base, theirs, ours, note);
    const before = byKey(base?.type === 'array' ? base.items : [], rules.keyOf);
    const [inTheirs, inOurs] = [byKey(theirs.items, rules.keyOf), byKey(ours.items, rules.keyOf)];
    const merged: JsonTree[] = [];
    for (const key of new Set([...inTheirs.keys(), ...inOurs.keys()])) {
      const entry = mergeValue(before.get(key), inTheirs.get(key), inOurs.get(key), rules.merge, note);
      if (entry !== undefined) merged.push(entry);
    }
    return { type: 'array', items: capped(merged, rules.cap ?? Number.POSITIVE_INFINITY, rules.isKept ?? (() => false)) };
  };
}

/** Of an object, these members tell which entry it is; anything else is told by all that it says. */
export function keyByMembers(...keys: readonly string[]): (entry: JsonTree) => string {
  return (entry) => {
    if (entry.type !== 'object' || !keys.every((key) => entry.members.has(key))) return `=${canonicalTree(entry)}`;
    return keys.map((key) => canonicalTree(entry.members.get(key) as JsonTree)).join();
  };
}

function byKey(entries: readonly JsonTree[], keyOf: (entry: JsonTree) => string): Map<string, JsonTree> {
  const keyed = new Map<string, JsonTree>();
  const seen = new Map<string, number>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const nth = (seen.get(key) ?? 0) + 1;
    seen.set(key, nth);
    keyed.set(`${nth} ${key}`, entry);
  }
  return keyed;
}

function capped(entries: readonly JsonTree[], cap: number, isKept: (entry: JsonTree) => boolean): readonly JsonTree[] {
  let excess = entries.length - cap;
  if (excess <= 0) return entries;
  const stayed = entries.filter((entry) => isKept(entry) || --excess < 0);
  return stayed.slice(Math.max(0, stayed.length - cap));
}
