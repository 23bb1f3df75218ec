import { canonicalTree, type JsonTree } from '../json/tree.ts';

/** Settles a value that both sides have and changed differently. `base`: what both had before; `undefined`: nothing, or not known. */
export type MergeTree = (base: JsonTree | undefined, theirs: JsonTree, ours: JsonTree, note: Note) => JsonTree;

/** Says that both sides changed something that no rule settles; theirs stands. */
export type Note = (what: string) => void;

export type JsonObject = Extract<JsonTree, { readonly type: 'object' }>;

/**
 * One value of two sides: what only one side changed is that side's, and a change stands against a removal. `merge` is
 * asked about the rest. `undefined`: not there. Cost: O(size), then `merge`.
 */
export function mergeValue(
  base: JsonTree | undefined,
  theirs: JsonTree | undefined,
  ours: JsonTree | undefined,
  merge: MergeTree,
  note: Note,
): JsonTree | undefined {
  if (sameTree(theirs, ours) || sameTree(base, ours)) return theirs;
  if (sameTree(base, theirs)) return ours;
  if (theirs === undefined || ours === undefined) return theirs ?? ours;
  return merge(base, theirs, ours, note);
}

/** Objects member by member, each by its rule; anything else by `otherwise`. In theirs' order, then what only ours has. */
export function mergeMembers(ruleOf: (key: string) => MergeTree, otherwise: MergeTree): MergeTree {
  return (base, theirs, ours, note) => {
    if (theirs.type !== 'object' || ours.type !== 'object') return otherwise(base, theirs, ours, note);
    const before = base?.type === 'object' ? base.members : new Map<string, JsonTree>();
    const merged = new Map<string, JsonTree>();
    for (const key of new Set([...theirs.members.keys(), ...ours.members.keys()])) {
      const value = mergeValue(before.get(key), theirs.members.get(key), ours.members.get(key), ruleOf(key), (inside) =>
        note(inside === '' ? quoted(key) : `${quoted(key)}.${inside}`),
      );
      if (value !== undefined) merged.set(key, value);
    }
    return { type: 'object', members: merged };
  };
}

/** For what nobody told us about: objects member by member; what collides is noted, and theirs stands. */
export const mergeUnknown: MergeTree = (base, theirs, ours, note) =>
  mergeMembers(
    () => mergeUnknown,
    (_base, stays) => {
      note('');
      return stays;
    },
  )(base, theirs, ours, note);

/** Later in the log is newer: what ours says stands, the other is in the history. */
export const takeOurs: MergeTree = (_base, _theirs, ours) => ours;

/** The later of two times, whatever side says it. What is no time comes before what is one. */
export const takeLater: MergeTree = (_base, theirs, ours) => (compareTimes(theirs, ours) < 0 ? ours : theirs);

/** Negative where `a` is earlier. Times that mean the same instant, and texts that mean none, are compared as they are written. */
export function compareTimes(a: JsonTree | undefined, b: JsonTree | undefined): number {
  const [left, right] = [instant(a), instant(b)];
  if (left !== right) return left < right ? -1 : 1;
  const [x, y] = [textOf(a), textOf(b)];
  return x < y ? -1 : Number(x > y);
}

export function isTime(tree: JsonTree | undefined): boolean {
  return Number.isFinite(instant(tree));
}

export function sameTree(a: JsonTree | undefined, b: JsonTree | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && canonicalTree(a) === canonicalTree(b));
}

/** The member's text; `''` where there is none. */
export function textMember(tree: JsonTree, key: string): string {
  const member = tree.type === 'object' ? tree.members.get(key) : undefined;
  return member?.type === 'string' ? member.value : '';
}

/** An exact count; `null` for what is none. */
export function countOf(tree: JsonTree | undefined): number | null {
  const value = tree?.type === 'literal' && /^\d{1,16}$/.test(tree.text) ? Number(tree.text) : null;
  return value !== null && Number.isSafeInteger(value) ? value : null;
}

export function literal(value: number): JsonTree {
  return { type: 'literal', text: String(value) };
}

function instant(tree: JsonTree | undefined): number {
  const at = tree?.type === 'string' ? Date.parse(tree.value) : Number.NaN;
  return Number.isNaN(at) ? Number.NEGATIVE_INFINITY : at;
}

function textOf(tree: JsonTree | undefined): string {
  if (tree === undefined) return '';
  return tree.type === 'string' ? tree.value : canonicalTree(tree);
}

/** Keys are foreign text: quoted, and cut short. */
function quoted(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 39)}…` : key);
}
