import type { Attributes } from '../content.ts';

/** One side of a merge: the whole body, and its attributes. */
export interface Version {
  readonly body: Uint8Array;
  readonly attributes: Attributes;
}

/** `null` is "does not exist" (for `base`: never existed, or its body is unknown). */
export interface MergeInput {
  readonly name: string;
  readonly base: Version | null;
  /** The log's side. */
  readonly theirs: Version | null;
  /** The draft's side. */
  readonly ours: Version | null;
}

export type MergeOutcome =
  /** One body that holds both sides' wishes. */
  | { readonly type: 'merged'; readonly version: Version }
  /**
   * Both wishes cannot stand in one body: the log's stays (or becomes `merged`, which settles what does not
   * collide), ours becomes a sibling.
   */
  | { readonly type: 'conflict'; readonly merged?: Version; readonly reason: string }
  /** Ours goes on under another name, which is a pure function of the old name and our content. */
  | { readonly type: 'forked'; readonly name: string };

/**
 * The pure rules of one type of content. Laws, held by property tests for every kind:
 * identity (base = theirs gives ours, base = ours gives theirs, theirs = ours gives it), determinism, and nothing
 * lost: each line, key or entry that a side added is in the outcome or in the sibling.
 * The caller settles the identities by digest and never asks about two deletions.
 */
export interface Kind {
  /** Stands in every item's key: never renamed. */
  readonly id: string;
  /** Whether the disappearance of a shown item is a wish to delete it. */
  readonly deletable: boolean;
  /** Whether bodies mostly grow at their end, so that captures look for an unchanged prefix first. */
  readonly appends: boolean;
  /**
   * Items that belong together: those with the same key. `null` for an item by itself. Where one member of an
   * atomic group conflicts, all that changed on our side become siblings together.
   */
  groupOf(name: string): string | null;
  readonly atomicGroups: boolean;
  merge(input: MergeInput): MergeOutcome;
}

/** Kinds by id. An item of a kind that is not listed is carried, not merged: two sides become a conflict. */
export interface KindRegistry {
  get(id: string): Kind | undefined;
}
