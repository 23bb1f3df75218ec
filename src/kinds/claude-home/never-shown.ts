import { canonicalTree, EMPTY_OBJECT, type JsonTree } from '../json/tree.ts';
import { isTexts, textsOf, type PartsAt } from './form-parts.ts';

export interface NeverShownInput {
  readonly partsAt: PartsAt;
  /** What of a part of the space can stand on this machine, which has `have` there. */
  readonly here: (want: JsonTree, place: readonly string[], have: JsonTree | null) => JsonTree | null;
}

/**
 * Adds to what was shown and to what is found the parts of the full body that were not shown at all, and the values that
 * were left out of parts that were: so their absence is no wish. A part that is found no more goes with all that is in it.
 * All as the space spells them; `ours: null`: nothing was found.
 */
export function withNeverShown(
  shown: JsonTree,
  full: JsonTree,
  ours: JsonTree,
  input: NeverShownInput,
): { readonly shown: JsonTree; readonly ours: JsonTree } {
  const reveal = (
    place: readonly string[],
    have: JsonTree | null,
    want: JsonTree,
    mine: JsonTree | null,
  ): [JsonTree | null, JsonTree | null] => {
    const way = input.partsAt(place);
    if (way === 'entries' && isTexts(have) && isTexts(want) && isTexts(mine)) return revealEntries(place, have, want, mine);
    if (way === 'inside' && want.type === 'object' && isObject(have) && isObject(mine)) return revealMembers(place, have, want, mine);
    if (have === null) return [want, mine ?? want];
    const visible = input.here(want, place, have);
    if (visible === null || canonicalTree(visible) !== canonicalTree(have)) return [have, mine];
    return [filled(have, have, want), mine === null ? null : filled(mine, have, want)];
  };
  const revealMembers = (
    place: readonly string[],
    have: JsonTree | null,
    want: JsonTree,
    mine: JsonTree | null,
  ): [JsonTree | null, JsonTree | null] => {
    const shownMembers = new Map(membersOf(have));
    const ourMembers = new Map(membersOf(mine));
    for (const [key, value] of membersOf(want)) {
      const [before, now] = reveal([...place, key], shownMembers.get(key) ?? null, value, ourMembers.get(key) ?? null);
      if (before !== null) shownMembers.set(key, before);
      if (now !== null) ourMembers.set(key, now);
    }
    const before: JsonTree = { type: 'object', members: shownMembers };
    // Where the space holds something else than was shown, its absence is that of each part in it.
    const isAsShown = canonicalTree(before) === canonicalTree(want);
    return [
      have === null && shownMembers.size === 0 ? null : before,
      mine === null && ourMembers.size === 0 && isAsShown ? null : { type: 'object', members: ourMembers },
    ];
  };
  const revealEntries = (
    place: readonly string[],
    have: JsonTree | null,
    want: JsonTree,
    mine: JsonTree | null,
  ): [JsonTree | null, JsonTree | null] => {
    // The space may spell one text of this machine in two ways.
    const spellings = new Map<string, string[]>();
    const has = textsOf(have);
    const hidden = textsOf(want).filter((value) => {
      const here = input.here({ type: 'string', value }, place, null);
      if (here?.type !== 'string' || !has.includes(here.value)) return true;
      spellings.set(here.value, [...(spellings.get(here.value) ?? []), value]);
      return false;
    });
    const wanted = new Set(textsOf(want));
    const list = (values: readonly string[]): JsonTree => {
      const entries = new Set([...values.flatMap((value) => spellings.get(value) ?? [value]), ...hidden]);
      // Another order is no wish.
      if (entries.size === wanted.size && [...entries].every((value) => wanted.has(value))) return want;
      return { type: 'array', items: [...entries].map((value) => ({ type: 'string', value })) };
    };
    const isAsShown = hidden.length === 0 && has.every((value) => spellings.has(value));
    return [have === null && isAsShown ? null : list(has), mine === null && isAsShown ? null : list(textsOf(mine))];
  };
  const [before, now] = reveal([], shown, full, ours);
  return { shown: before ?? EMPTY_OBJECT, ours: now ?? EMPTY_OBJECT };
}

/** `mine`, with the members of `want` that `have` lacks, and in the spelling of `want` where it is as it was shown. */
function filled(mine: JsonTree, have: JsonTree | null, want: JsonTree): JsonTree {
  if (mine.type !== 'object' || want.type !== 'object') return have !== null && canonicalTree(mine) === canonicalTree(have) ? want : mine;
  const members = new Map(mine.members);
  for (const [key, value] of want.members) {
    const [own, before] = [members.get(key), membersOf(have).get(key)];
    if (own !== undefined) members.set(key, filled(own, before ?? null, value));
    else if (before === undefined) members.set(key, value);
  }
  return { type: 'object', members };
}

function isObject(tree: JsonTree | null): boolean {
  return tree === null || tree.type === 'object';
}

function membersOf(tree: JsonTree | null): ReadonlyMap<string, JsonTree> {
  return tree?.type === 'object' ? tree.members : new Map();
}
