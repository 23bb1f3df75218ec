import type { Change } from '../change.ts';
import type { Content } from '../content.ts';
import type { CommitId, Revision } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { resultingRevision, withBase } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import { itemsJudged } from '../log/rule.ts';
import { grantWishes, type ItemWish, type Present } from './wishes.ts';
import type { Bodies } from './bodies.ts';
import type { KindRegistry } from '../merge/kind.ts';

/** Drafts that share items, changed or needed, directly or through one another, in their order. Cost: O(changes). */
export function componentsOf(drafts: readonly Commit[]): Commit[][] {
  const parent = drafts.map((_, index) => index);
  const root = (index: number): number => {
    let at = index;
    while (parent[at] !== at) at = parent[at] = parent[parent[at] as number] as number;
    return at;
  };
  const owner = new Map<string, number>();
  for (const [index, draft] of drafts.entries()) {
    for (const item of itemsJudged(draft)) {
      const other = owner.get(itemKey(item));
      if (other === undefined) owner.set(itemKey(item), index);
      else parent[root(index)] = root(other);
    }
  }
  const components = new Map<number, Commit[]>();
  for (const [index, draft] of drafts.entries()) {
    const members = components.get(root(index));
    if (members === undefined) components.set(root(index), [draft]);
    else members.push(draft);
  }
  return [...components.values()];
}

/** What a run of drafts wants in the end: one wish an item, and the siblings that they keep and settle. */
export interface Collapsed {
  readonly wishes: readonly ItemWish[];
  readonly keeps: readonly Extract<Change, { type: 'keep' }>[];
  readonly resolves: readonly Extract<Change, { type: 'resolve' }>[];
}

/**
 * Collapses drafts: oldest base, newest body, the bodies between as history (an append's earlier bodies are parts of
 * the newest one). `contentAt` finds what a revision held. Cost: O(changes).
 */
export function collapse(drafts: readonly Commit[], contentAt: (item: Item, revision: Revision) => Content | null): Collapsed {
  const wishes = new Map<string, { item: Item; base: Content | null; ours: Content | null; history: Content[] }>();
  const keeps: Extract<Change, { type: 'keep' }>[] = [];
  const resolves: Extract<Change, { type: 'resolve' }>[] = [];
  for (const change of drafts.flatMap((draft) => draft.changes)) {
    if (change.type === 'keep') keeps.push(change);
    else if (change.type === 'resolve') resolves.push(change);
    else {
      const key = itemKey(change.item);
      const known = wishes.get(key);
      const base = known === undefined && change.base !== null ? contentAt(change.item, change.base) : null;
      const wish = known ?? { item: change.item, base, ours: base, history: [] as Content[] };
      if (known !== undefined && known.ours !== null && change.type !== 'append') wish.history.push(known.ours);
      if (change.type === 'put') wish.history.push(...change.history);
      wish.ours = change.type === 'delete' ? null : change.type === 'append' ? wholeAppend(change, wish.ours) : change.content;
      wishes.set(key, wish);
    }
  }
  return { wishes: [...wishes.values()], keeps, resolves };
}

/** A draft read from the store knows only the tail: the rest is what the item held before it. */
function wholeAppend(change: Extract<Change, { type: 'append' }>, before: Content | null): Content {
  return before === null ? change.content : withBase(change, before);
}

/**
 * The changes of collapsed drafts behind the present state. Siblings kept are kept again behind the new revision;
 * siblings settled are settled as far as they are still open.
 */
export async function rebaseChanges(
  collapsed: Collapsed,
  present: Present,
  deps: { readonly kinds: KindRegistry; readonly bodies: Bodies; readonly commit: CommitId; readonly keyId: number },
): Promise<{ readonly changes: readonly Change[]; readonly conflicts: readonly Item[] }> {
  const granted = await grantWishes(collapsed.wishes, present, deps);
  const changes: Change[] = [...granted.changes];
  const denied = new Set(granted.denied.map(itemKey));
  const wished = new Map(collapsed.wishes.map((w) => [itemKey(w.item), w.ours?.digest ?? null]));
  const states = await present.visible([...collapsed.keeps, ...collapsed.resolves].map((c) => c.item));
  const revisionNow = (item: Item): Revision | null => {
    const made = changes.findLast(
      (c) => itemKey(c.item) === itemKey(item) && (c.type === 'put' || c.type === 'append' || c.type === 'delete'),
    );
    if (made !== undefined && made.type !== 'keep' && made.type !== 'resolve') return resultingRevision(made);
    return states.get(itemKey(item))?.revision ?? null;
  };
  for (const kept of collapsed.keeps) {
    const open = await present.siblings(kept.item);
    if (kept.history.length === 0 && open.some((s) => s.content?.digest === kept.content?.digest)) continue;
    changes.push({ ...kept, base: revisionNow(kept.item) });
  }
  for (const resolve of collapsed.resolves) {
    // A sibling that was to be taken, and met another change, is the open conflict again.
    const taken = denied.has(itemKey(resolve.item)) ? wished.get(itemKey(resolve.item)) : undefined;
    const open = (await present.siblings(resolve.item)).filter((s) => taken === undefined || (s.content?.digest ?? null) !== taken);
    const siblings = resolve.siblings.filter((id) => open.some((s) => s.sibling === id));
    if (siblings.length > 0) changes.push({ ...resolve, siblings, base: revisionNow(resolve.item) });
  }
  return { changes, conflicts: granted.conflicts };
}
