import { canonicalTree, type JsonTree } from '../json/tree.ts';
import type { Admission, FormPart } from './form.ts';
import { pointerOf } from './secret-marks.ts';

/**
 * How a form is cut into parts, by place: `inside` an object are parts of their own; `entries` of a list of texts are parts, their
 * order means nothing; anything else is one `part`.
 */
export type PartsAt = (place: readonly string[]) => 'inside' | 'entries' | 'part';

/** Whether a part may go from `applied` to `wanted` here (`null`: nothing). Asked only where they differ. */
export type AdmitPart = (place: readonly string[], part: FormPart) => Admission;

export interface PartsInput {
  readonly name: string;
  readonly partsAt: PartsAt;
  readonly admit: AdmitPart;
  /** Members whose absence from what is wanted says nothing. */
  readonly absenceSaysNothing: (place: readonly string[]) => boolean;
  /** What of a wanted part can stand on this machine, which has `have` there; `null`: nothing of it. */
  readonly here: (want: JsonTree, place: readonly string[], have: JsonTree | null) => JsonTree | null;
}

export interface Combined {
  /** As the space spells it: each part that was admitted as the space wants it, the others as they are applied. */
  readonly tree: JsonTree | null;
  /** Parts that wait for an answer, and for something else. */
  readonly held: readonly FormPart[];
  readonly later: readonly FormPart[];
}

/** Puts together what is wanted and what may be applied of it. Both as the space spells them; `null`: nothing is there. */
export function combineParts(wanted: JsonTree | null, applied: JsonTree | null, input: PartsInput): Combined {
  const waiting: Record<Exclude<Admission, 'yes'>, FormPart[]> = { ask: [], later: [] };
  const isAdmitted = (place: readonly string[], want: JsonTree | null, have: JsonTree | null): boolean => {
    const part = { name: input.name, pointer: pointerOf(place), wanted: canonical(want), applied: canonical(have) };
    const admission = input.admit(place, part);
    if (admission !== 'yes') waiting[admission].push(part);
    return admission === 'yes';
  };
  const settle = (place: readonly string[], want: JsonTree | null, have: JsonTree | null): JsonTree | null => {
    const visible = want === null ? null : input.here(want, place, have);
    if (canonical(visible) === canonical(have)) return have;
    return isAdmitted(place, want, have) ? visible : have;
  };
  const combine = (place: readonly string[], want: JsonTree | null, have: JsonTree | null): JsonTree | null => {
    if (want === null && input.absenceSaysNothing(place)) return have;
    const way = input.partsAt(place);
    const fits = way === 'inside' ? isObject : isTexts;
    const combineAll = way === 'inside' ? combineMembers : combineEntries;
    if (way === 'part' || !fits(want) || (want ?? have) === null) return settle(place, want, have);
    if (fits(have)) return combineAll(place, want, have);
    return want !== null && isAdmitted(place, want, have) ? combineAll(place, want, null) : have;
  };
  const combineMembers = (place: readonly string[], want: JsonTree | null, have: JsonTree | null): JsonTree | null => {
    const wants = membersOf(want);
    const has = membersOf(have);
    const members = new Map<string, JsonTree>();
    for (const key of new Set([...wants.keys(), ...has.keys()])) {
      const value = combine([...place, key], wants.get(key) ?? null, has.get(key) ?? null);
      if (value !== null) members.set(key, value);
    }
    // An object in which nothing is shown is not shown either; one that is empty here stays.
    if (members.size === 0 && (want === null || have === null)) return null;
    return { type: 'object', members };
  };
  const combineEntries = (place: readonly string[], want: JsonTree | null, have: JsonTree | null): JsonTree | null => {
    const entry = (value: string): JsonTree => ({ type: 'string', value });
    const wants = [...new Set(textsOf(want).flatMap((value) => textOf(input.here(entry(value), place, null))))];
    const has = textsOf(have);
    // An empty list allows and denies nothing: it stands as it was written.
    if (have === null && want !== null && textsOf(want).length === 0) return want;
    const decide = (value: string): boolean => {
      const [isWanted, isApplied] = [wants.includes(value), has.includes(value)];
      if (isWanted === isApplied) return isWanted;
      return isAdmitted([...place, value], isWanted ? entry(value) : null, isApplied ? entry(value) : null) ? isWanted : isApplied;
    };
    const stay = has.filter(decide);
    const come = wants.filter((value) => !has.includes(value)).filter(decide);
    if (stay.length === has.length && come.length === 0 && have !== null) return have;
    if (stay.length + come.length === 0 && (want === null || have === null)) return want === null ? null : have;
    return { type: 'array', items: [...stay, ...come].map(entry) };
  };
  return { tree: combine([], wanted, applied), held: waiting.ask, later: waiting.later };
}

function canonical(tree: JsonTree | null): string | null {
  return tree === null ? null : canonicalTree(tree);
}

function isObject(tree: JsonTree | null): boolean {
  return tree === null || tree.type === 'object';
}

function membersOf(tree: JsonTree | null): ReadonlyMap<string, JsonTree> {
  return tree?.type === 'object' ? tree.members : new Map();
}

/** A list of different texts, or nothing. */
export function isTexts(tree: JsonTree | null): boolean {
  if (tree === null) return true;
  if (tree.type !== 'array' || tree.items.some((item) => item.type !== 'string')) return false;
  return new Set(textsOf(tree)).size === tree.items.length;
}

export function textsOf(tree: JsonTree | null): string[] {
  return tree?.type === 'array' ? tree.items.flatMap((item) => (item.type === 'string' ? [item.value] : [])) : [];
}

function textOf(tree: JsonTree | null): string[] {
  return tree?.type === 'string' ? [tree.value] : [];
}
