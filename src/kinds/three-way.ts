import type { MergeInput, MergeOutcome, Version } from '../core/merge/kind.ts';
import { equalBytes } from '../core/crypto/hash.ts';
import { equalAttributes, mergeAttributes } from './attributes.ts';

/** What a kind says about two bodies that both differ from the base (`null`: no base) and from each other. */
export type BodyOutcome =
  | { readonly type: 'merged'; readonly body: Uint8Array }
  | { readonly type: 'conflict'; readonly body?: Uint8Array; readonly reason: string }
  | { readonly type: 'forked'; readonly name: string };

export type MergeBodies = (base: Uint8Array | null, theirs: Uint8Array, ours: Uint8Array, name: string) => BodyOutcome;

export interface ThreeWayOptions {
  /** What an edit on one side and a deletion on the other become. By default the edit stands. */
  readonly editOverDeletion?: 'edit-stands' | 'conflict';
}

/**
 * All that kinds have in common: deletions, sides that are equal, symbolic links, attributes. `mergeBodies` sees only
 * what is left. Body and attributes are settled apart, so a changed mode and a changed text merge.
 * Throws where there is nothing to merge (two deletions, or a deletion of what did not change): a bug of the caller.
 * Cost: three comparisons of the bodies, then `mergeBodies`.
 */
export function mergeThreeWay(input: MergeInput, mergeBodies: MergeBodies, options: ThreeWayOptions = {}): MergeOutcome {
  const { name, base, theirs, ours } = input;
  if (theirs === null || ours === null) return mergeDeletion(base, theirs, ours, options);
  if (equalVersions(theirs, ours)) return { type: 'merged', version: theirs };
  if (base !== null && equalVersions(base, ours)) return { type: 'merged', version: theirs };
  if (base !== null && equalVersions(base, theirs)) return { type: 'merged', version: ours };
  if ([base, theirs, ours].some(isLink)) return { type: 'conflict', reason: 'a symbolic link, or what replaced it, changed on both sides' };

  const attributes = mergeAttributes(base?.attributes ?? {}, theirs.attributes, ours.attributes);
  const outcome = settleBodies(base?.body ?? null, theirs.body, ours.body) ?? mergeBodies(base?.body ?? null, theirs.body, ours.body, name);
  if (outcome.type === 'forked') return outcome;
  const reasons = outcome.type === 'conflict' ? [outcome.reason] : [];
  if (attributes.collisions.length > 0)
    reasons.push(`both sides changed ${attributes.collisions.map((key) => JSON.stringify(key)).join(', ')}`);
  if (outcome.body === undefined) return { type: 'conflict', reason: reasons.join('; ') };
  const version: Version = { body: outcome.body, attributes: attributes.merged };
  if (reasons.length === 0) return { type: 'merged', version };
  if (equalVersions(version, theirs)) return { type: 'conflict', reason: reasons.join('; ') };
  return { type: 'conflict', merged: version, reason: reasons.join('; ') };
}

function mergeDeletion(base: Version | null, theirs: Version | null, ours: Version | null, options: ThreeWayOptions): MergeOutcome {
  const edited = theirs ?? ours;
  if (edited === null) throw new Error('two deletions are no merge');
  if (base === null) return { type: 'merged', version: edited };
  if (equalVersions(base, edited)) throw new Error('the deletion of what the other side left as it was is no merge');
  if (options.editOverDeletion === 'conflict') return { type: 'conflict', reason: 'one side changed what the other deleted' };
  return { type: 'merged', version: edited };
}

function settleBodies(base: Uint8Array | null, theirs: Uint8Array, ours: Uint8Array): BodyOutcome | null {
  if (equalBytes(theirs, ours)) return { type: 'merged', body: theirs };
  if (base !== null && equalBytes(base, ours)) return { type: 'merged', body: theirs };
  if (base !== null && equalBytes(base, theirs)) return { type: 'merged', body: ours };
  return null;
}

function equalVersions(a: Version, b: Version): boolean {
  return equalBytes(a.body, b.body) && equalAttributes(a.attributes, b.attributes);
}

/** The body of a link is its target: a path, which no rule for contents may put together from two. */
function isLink(version: Version | null): boolean {
  return version !== null && Object.hasOwn(version.attributes, 'link');
}
