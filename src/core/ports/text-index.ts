import type { MachineId, SpaceId } from '../ids.ts';
import type { Item } from '../item.ts';

/** What a person looks for: an agent's memories, what was said in sessions, files. */
export const SHELVES = ['memories', 'sessions', 'files'] as const;
export type Shelf = (typeof SHELVES)[number];

/** A part of an item that is found and shown as one thing: a memory, a message of a session, a file. */
export interface Passage {
  readonly shelf: Shelf;
  /** In a word: `bugfix`, `prompt`, `user`, `plans` … Lower case. */
  readonly type: string;
  readonly project: string | null;
  readonly session: string | null;
  /** Milliseconds since 1970, where it says so itself. */
  readonly time: number | null;
  /** One line, kept to be shown; `''`: none. */
  readonly title: string;
  /** Where it stands in the item's body, bytes. */
  readonly start: number;
  readonly length: number;
  /** What is searched besides the title. Not kept: only its words are. All empty, title included: cannot be found by words. */
  readonly text: string;
  readonly tags: string;
}

/** What an index holds of an item. */
export interface HeldItem {
  readonly item: Item;
  /** Of the content that is held whole; `null`: not all of it is, or none. */
  readonly digest: string | null;
  /** The first bytes of the body that passages were made of, and their SHA-256 (hex); 0 and `''` where that was not noted. */
  readonly bytes: number;
  readonly prefix: string;
  readonly passages: number;
  /** Who counts as its writer; `null`: not known (yet). */
  readonly machine: MachineId | null;
  /** When it was changed last, milliseconds since 1970; `null`: not known. */
  readonly changed: number | null;
  /** To be looked at again: it is of a draft, which may still become something else, or its body could not be had. */
  readonly isUnsettled: boolean;
}

export type IndexChange =
  /** Replaces what is held of the item behind its first `keep` passages. */
  | { readonly type: 'put'; readonly held: Omit<HeldItem, 'passages'>; readonly keep: number; readonly passages: readonly Passage[] }
  | { readonly type: 'remove'; readonly item: Item };

/** One word of a search, as one writes it, or several in a fixed order. */
export interface SearchTerm {
  readonly text: string;
  /** Its words stand side by side, and are whole. */
  readonly isPhrase: boolean;
  /** Words that count as well. */
  readonly alike?: readonly string[];
}

export interface PassageFilter {
  readonly spaces?: readonly SpaceId[];
  readonly shelves?: readonly Shelf[];
  readonly types?: readonly string[];
  readonly projects?: readonly string[];
  readonly machines?: readonly MachineId[];
  /** Inclusive and exclusive, milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
}

export interface FoundPassage {
  readonly space: SpaceId;
  readonly item: Item;
  /** From 1 on, in the order of the body. */
  readonly number: number;
  readonly shelf: Shelf;
  readonly type: string;
  /** Its own, or that of its session. */
  readonly project: string | null;
  readonly session: string | null;
  /** Its own, or when its item was changed last. */
  readonly time: number | null;
  readonly title: string;
  readonly start: number;
  readonly length: number;
  readonly machine: MachineId | null;
}

export interface IndexHits {
  /** The best passage of each group, the best group first. A session with its subagents is a group, and so is any other passage by itself. */
  readonly hits: readonly (FoundPassage & { readonly passages: number })[];
  /** Groups that match, listed or not. */
  readonly total: number;
}

/** How far an index holds a space: opaque to the index, written together with the last of it. */
export type IndexMark = string;

/**
 * Words of all passages of all spaces of a node, and where they stand. Derived: it can be thrown away at any time and is made
 * anew from the items. One writer at a time of those that share it in a process; what was written before a crash stays whole, item by item.
 * Throws {@link IndexDamaged} where what is stored makes no sense.
 */
export interface TextIndex {
  mark(space: SpaceId): Promise<IndexMark | null>;
  spaces(): Promise<SpaceId[]>;
  /** All items held of a space by `itemKey`. O(items). */
  held(space: SpaceId): Promise<Map<string, HeldItem>>;
  /** The same of these items. One look-up an item. */
  heldOf(space: SpaceId, items: readonly Item[]): Promise<Map<string, HeldItem>>;
  /** Those to be looked at again. O(such items). */
  unsettled(space: SpaceId): Promise<HeldItem[]>;
  /** Items whose `foundDigits` begin so, of at most 16 digits. */
  called(space: SpaceId, digits: string): Promise<Item[]>;
  /**
   * In one transaction; lets others run in between. Where other processes write to it too: throws {@link IndexMoved} if one did so to
   * this space since {@link mark} was asked. Cost: O(text), some 20 MB a second.
   */
  write(space: SpaceId, changes: readonly IndexChange[], mark?: IndexMark): Promise<void>;
  removeSpace(space: SpaceId): Promise<void>;
  /**
   * Passages in which all terms occur (`some`: at least one), the best by bm25 first; without terms the newest first.
   * Cost: O(passages that hold the terms).
   */
  search(
    terms: readonly SearchTerm[],
    options: { readonly match: 'all' | 'some'; readonly filter: PassageFilter; readonly limit: number },
  ): Promise<IndexHits>;
  /** Words of the index that hold a text in their midst or at their end, the shortest first. O(words of the index): up to a second for 200 MB. */
  wordsWith(text: string, limit: number): Promise<string[]>;
  /** The passages of an item from number `from` to `to`. */
  passages(space: SpaceId, item: Item, from: number, to: number): Promise<FoundPassage[]>;
  /** Passages that match a filter, around one of them in time: `before` earlier ones and `after` later ones, and itself, in order. O(passages). */
  around(passage: FoundPassage, filter: PassageFilter, count: { readonly before: number; readonly after: number }): Promise<FoundPassage[]>;
  /** What there is to filter by, with how many passages. O(passages). */
  values(of: 'type' | 'project'): Promise<Map<string, number>>;
  close(): Promise<void>;
}

/** Where an index is kept. */
export interface TextIndexPlace {
  /** Made where there is none. Throws {@link IndexDamaged}. */
  open(): Promise<TextIndex>;
  /** Nothing of what it held is there any more. Not while it is open. */
  remove(): Promise<void>;
  /** Bytes; 0 where there is none. */
  size(): Promise<number>;
}

/** Another process wrote what it holds of a space since its mark was asked for here: look again, and go on from there. Nothing was written. */
export class IndexMoved extends Error {
  override readonly name = 'IndexMoved';
}

/** What is stored is damaged, or of another version: it is to be thrown away. */
export class IndexDamaged extends Error {
  override readonly name = 'IndexDamaged';
}
