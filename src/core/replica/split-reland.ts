import type { Change } from '../change.ts';
import type { Content } from '../content.ts';
import type { ObjectId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { atomicGroupOf } from '../merge/atomic-group.ts';
import type { KindRegistry } from '../merge/kind.ts';
import type { Collapsed } from './rebase.ts';
import { keepsRest, relandToWishes, type Reland } from './reland.ts';
import type { ItemWish } from './wishes.ts';

export interface SplitReland {
  /** What can land now. */
  readonly now: Collapsed;
  /** What waits, as the same commit, until another machine brings its bodies again; `null`: nothing does. */
  readonly later: Reland | null;
}

/**
 * Parts a commit of our own that names bodies which fell with the home, and which only their author holds: taken over by
 * a settled conflict, or named again to add to their history. Ours must not wait for them, who may never come back.
 *
 * - A wish for a missing body waits; what we wrote before it goes into the history at once.
 * - A missing body that was there when we named it is its author's to bring: only what we added to its history lands.
 * - In an atomic group of which a part waits, ours become siblings: half a folder helps nobody.
 * - Nothing is left out: a machine that was copied to another has bodies of its own in commits that both take for theirs.
 *
 * Pure. O(changes).
 */
export function splitReland(reland: Reland, missing: ReadonlySet<ObjectId>, kinds: KindRegistry): SplitReland {
  const isHere = (content: Content | null): boolean => content?.pieces.every(({ object }) => !missing.has(object)) ?? true;
  const { wishes, keeps, resolves } = relandToWishes(reland);
  const isWaiting = ({ ours, base }: ItemWish): boolean => !isHere(ours) && ours?.digest !== base?.digest;
  const waiting = wishes.filter(isWaiting);
  const waitingItems = new Set(waiting.map(({ item }) => itemKey(item)));
  const torn = new Set(waiting.map(({ item }) => atomicGroupOf(item, kinds)).filter((group) => group !== null));
  const now = { wishes: [] as ItemWish[], keeps: [] as Keep[], resolves: [] as Resolve[] };
  const later: { change: Change; base: Content | null }[] = [];
  for (const wish of wishes) {
    const { item, ours, base } = wish;
    const [history, lost] = parted(wish.history, isHere);
    if (isWaiting(wish)) later.push({ change: { ...changeOf(item), type: 'put', content: ours as Content, history: lost }, base });
    else later.push(...keepsOf(item, lost).map((change) => ({ change, base: null })));
    if (!isHere(ours)) {
      if (history.length > 0) now.wishes.push({ item, base: null, ours: null, history });
    } else if (torn.has(atomicGroupOf(item, kinds) ?? '')) now.keeps.push({ ...changeOf(item), type: 'keep', content: ours, history });
    else now.wishes.push({ ...wish, history });
  }
  for (const kept of keeps) {
    const [history, lost] = parted(kept.history, isHere);
    now.keeps.push(...(isHere(kept.content) ? [{ ...kept, history }] : keepsOf(kept.item, history)));
    const rest = isHere(kept.content) ? keepsOf(kept.item, lost) : [{ ...kept, history: lost }];
    later.push(...rest.map((change) => ({ change, base: null })));
  }
  for (const resolve of resolves) {
    if (waitingItems.has(itemKey(resolve.item))) later.push({ change: resolve, base: null });
    else now.resolves.push(resolve);
  }
  if (later.length === 0) return { now, later: null };
  const commit = { ...reland.commit, changes: later.map(({ change }) => change) };
  return { now, later: { ...reland, commit, bases: later.map(({ base }) => base) } };
}

type Keep = Extract<Change, { type: 'keep' }>;
type Resolve = Extract<Change, { type: 'resolve' }>;

function changeOf(item: Item): Pick<Change, 'item' | 'base' | 'needs'> {
  return { item, base: null, needs: [] };
}

/** Bodies as a sibling, the newest in front; none of none. */
function keepsOf(item: Item, bodies: readonly Content[]): Keep[] {
  const kept = keepsRest({ ...changeOf(item), type: 'delete' }, bodies);
  return kept === null ? [] : [kept];
}

function parted(bodies: readonly Content[], isHere: (content: Content) => boolean): [Content[], Content[]] {
  return [bodies.filter(isHere), bodies.filter((body) => !isHere(body))];
}
