import type { Change } from '../change.ts';
import type { Content } from '../content.ts';
import type { CommitId, ObjectId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { atomicGroupOf } from '../merge/atomic-group.ts';
import type { KindRegistry } from '../merge/kind.ts';
import type { Collapsed } from './rebase.ts';
import { keepsRest, relandToWishes, type Reland } from './reland.ts';
import type { ItemWish } from './wishes.ts';

export interface SplitReland {
  /** What can land now. */
  readonly now: Collapsed;
  /** What waits until another machine brings its bodies again; `null`: nothing does. */
  readonly later: Reland | null;
}

/**
 * Parts a commit of our own that names bodies which fell with the home, and which only their author holds: taken over by
 * a settled conflict, or named again to add to their history. Ours must not wait for them, who may never come back.
 *
 * - A wish for a missing body waits; what we wrote before it goes into the history at once.
 * - A missing body that was there when we named it is its author's to bring: only what we added to its history lands.
 * - In an atomic group of which a part waits, ours become siblings: half a folder helps nobody.
 *
 * `id`: of the commit that waits. Pure. O(changes).
 */
export function splitReland(reland: Reland, missing: ReadonlySet<ObjectId>, id: CommitId, kinds: KindRegistry): SplitReland {
  const isHere = (content: Content | null): boolean => content?.pieces.every(({ object }) => !missing.has(object)) ?? true;
  const { wishes, keeps, resolves } = relandToWishes(reland);
  const waiting = wishes.filter(({ ours, base }) => !isHere(ours) && ours?.digest !== base?.digest);
  const waitingItems = new Set(waiting.map(({ item }) => itemKey(item)));
  const groupOf = (item: Item): string | null => atomicGroupOf(item, kinds);
  const torn = new Set(waiting.map(({ item }) => groupOf(item)));
  const now = { wishes: [] as ItemWish[], keeps: [] as Keep[], resolves: [] as Resolve[] };
  for (const wish of wishes) {
    const { item, ours } = wish;
    const [history, group] = [wish.history.filter(isHere), groupOf(item)];
    if (!isHere(ours)) {
      if (history.length > 0) now.wishes.push({ item, base: null, ours: null, history });
    } else if (group === null || !torn.has(group)) now.wishes.push({ ...wish, history });
    else now.keeps.push({ type: 'keep', item, base: null, needs: [], content: ours, history });
  }
  const lateKeeps: Keep[] = [];
  const isLate = ({ item }: Resolve): boolean => waitingItems.has(itemKey(item));
  for (const kept of keeps) {
    const history = kept.history.filter(isHere);
    if (isHere(kept.content)) now.keeps.push({ ...kept, history });
    else {
      lateKeeps.push({ ...kept, history: [] });
      const rest = keepsRest(kept, history);
      if (rest !== null) now.keeps.push(rest);
    }
  }
  for (const resolve of resolves) if (!isLate(resolve)) now.resolves.push(resolve);
  const changes: Change[] = [...waiting.flatMap(putOf), ...lateKeeps, ...resolves.filter(isLate)];
  if (changes.length === 0) return { now, later: null };
  const bases = changes.map((_, index) => waiting[index]?.base ?? null);
  return { now, later: { id, commit: { ...reland.commit, id, changes }, bases, record: null } };
}

type Keep = Extract<Change, { type: 'keep' }>;
type Resolve = Extract<Change, { type: 'resolve' }>;

function putOf({ item, ours }: ItemWish): Change[] {
  return ours === null ? [] : [{ type: 'put', item, base: null, needs: [], content: ours, history: [] }];
}
