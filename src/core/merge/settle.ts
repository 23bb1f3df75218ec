import type { Attributes, Content } from '../content.ts';
import { attributesBytes } from '../content.ts';
import type { Kind, MergeOutcome, Version } from './kind.ts';

/** A wish for one item: what its writer had before it, and what it holds now. `null` is "does not exist". */
export interface Wish {
  readonly base: Content | null;
  readonly ours: Content | null;
  /** Bodies between base and ours that were captured and must stay reachable, oldest first. */
  readonly history: readonly Content[];
}

/** What to do with a wish, given what the item holds by now (`theirs`). */
export type Settlement =
  /** The item holds what the wish wants, or a deletion met an edit and yields. `history` may still need a place. */
  | { readonly type: 'nothing' }
  /** The item takes our content (or is deleted). */
  | { readonly type: 'ours' }
  | { readonly type: 'merged'; readonly version: Version }
  | { readonly type: 'conflict'; readonly merged: Version | null; readonly reason: string }
  | { readonly type: 'forked'; readonly name: string };

/**
 * Settles what needs no merge: the identities, and "an edit beats a deletion". `undefined` where the kind has to
 * merge bodies. Pure; O(1).
 */
export function settleByDigest(wish: Wish, theirs: Content | null): Settlement | undefined {
  const [base, ours] = [wish.base?.digest ?? null, wish.ours?.digest ?? null];
  const held = theirs?.digest ?? null;
  if (ours === held || ours === base) return { type: 'nothing' };
  if (base === held) return { type: 'ours' };
  if (ours === null) return { type: 'nothing' };
  if (held === null) return { type: 'ours' };
  return undefined;
}

/** Merges bodies by the item's kind. An unknown kind, or a base that cannot be had, keeps both. */
export function settleByMerge(
  kind: Kind | undefined,
  name: string,
  sides: { base: Version | null; theirs: Version; ours: Version },
): Settlement {
  if (kind === undefined) return { type: 'conflict', merged: null, reason: 'no rules for this kind of content' };
  const outcome: MergeOutcome = kind.merge({ name, ...sides });
  switch (outcome.type) {
    case 'forked':
      return outcome;
    case 'conflict':
      return { type: 'conflict', merged: outcome.merged ?? null, reason: outcome.reason };
    case 'merged':
      if (sameVersion(outcome.version, sides.theirs)) return { type: 'nothing' };
      if (sameVersion(outcome.version, sides.ours)) return { type: 'ours' };
      return { type: 'merged', version: outcome.version };
  }
}

export function sameVersion(a: Version, b: Version): boolean {
  return sameAttributes(a.attributes, b.attributes) && Buffer.from(a.body).equals(b.body);
}

function sameAttributes(a: Attributes, b: Attributes): boolean {
  return Buffer.from(attributesBytes(a)).equals(attributesBytes(b));
}
