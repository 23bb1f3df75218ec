import { itemKey, type Item } from '../../core/item.ts';
import type { HeldItem, IndexChange, Passage } from '../../core/ports/text-index.ts';

export interface PlacedPassage {
  readonly ordinal: number;
  readonly passage: Passage;
}

/** All changes of one item, as one. */
export interface FoldedChange {
  readonly item: Item;
  /** `null`: it goes. */
  readonly held: HeldItem | null;
  /** Behind so many passages, those that are there go. */
  readonly keep: number;
  readonly added: readonly PlacedPassage[];
}

export interface FoldedChanges {
  readonly items: readonly FoldedChange[];
  /** Passages that were replaced by a later change. */
  readonly dropped: readonly Passage[];
}

/** The same as one change after the other, without what is there being known. O(passages). */
export function foldChanges(changes: readonly IndexChange[]): FoldedChanges {
  const items = new Map<string, { item: Item; held: HeldItem | null; keep: number; added: PlacedPassage[] }>();
  const dropped: Passage[] = [];
  for (const change of changes) {
    const item = change.type === 'put' ? change.held.item : change.item;
    const keep = change.type === 'put' ? change.keep : 0;
    const folded = items.get(itemKey(item)) ?? { item, held: null, keep: Infinity, added: [] };
    items.set(itemKey(item), folded);
    folded.keep = Math.min(folded.keep, keep);
    for (let last = folded.added.at(-1); last !== undefined && last.ordinal > keep; last = folded.added.at(-1)) {
      dropped.push(last.passage);
      folded.added.pop();
    }
    folded.held = change.type === 'put' ? { ...change.held, passages: keep + change.passages.length } : null;
    if (change.type === 'put')
      for (const [index, passage] of change.passages.entries()) folded.added.push({ ordinal: keep + index + 1, passage });
  }
  return { items: [...items.values()], dropped };
}
