import { compareDecimals } from './decimal.ts';

/**
 * Revisions of what a feed tells of a row beside the words of its device, which counts them from 1. Each stands for the same bytes on every node
 * that has read the same log, since a client may read the feeds of several, and stops for ever at one that has two:
 *
 *     (term + 1) · 2⁵⁰ + position · 2²⁰               what the row is since that position of the log
 *     … + 2 · revision of a device's word             this word, which came below what was served, once more above it
 *     … + 2 · revision of a device's word + 1         what the row is since that position, once more above that word
 *     … + 1, or 2²⁰ − 1 where words were told         that since that position it is told under another name than this one
 *
 * They grow with the log, and are above all that devices count.
 */
const TERM_BITS = 50n;
const POSITION_BITS = 20n;
/** As many words of a device have their own place above one state. */
const WORDS = 1n << (POSITION_BITS - 1n);

/** Of what is so since a position of the log. */
export function revisionAt(term: number, position: number): string {
  return (((BigInt(term) + 1n) << TERM_BITS) + (BigInt(position) << POSITION_BITS)).toString();
}

/** For a word that its device gave this revision, above what was served: a state, or words and states above it. */
export function wordAbove(served: string, word: string): string {
  const [before, own] = [BigInt(served), BigInt(word)];
  const told = stateOf(before) + 2n * own;
  // No device counts so far. What versions before 2026-12 served has no place for each word: the next one then.
  return (own < WORDS && told > before ? told : before + 2n - (before & 1n)).toString();
}

/**
 * For the state of this revision, where `before` was told last: where that is a device's word that left the state in place (a conflict), above that.
 * `null` where a later state was told.
 */
export function stateAbove(revision: string, before: string): string | null {
  if (compareDecimals(revision, before) > 0) return revision;
  const last = BigInt(before);
  const next = last + 1n + (last & 1n);
  return stateOf(next) === stateOf(BigInt(revision)) ? next.toString() : null;
}

/**
 * For that a row is told under another name in this feed, since the state of this revision: other feeds, which know of no other name, tell that state
 * itself under this one. `before` was told last of it. `null` where a later state was told.
 */
export function endAbove(revision: string, before: string): string | null {
  if (compareDecimals(before, revision) <= 0) return (BigInt(revision) + 1n).toString();
  const last = (stateOf(BigInt(revision)) + (1n << POSITION_BITS) - 1n).toString();
  return compareDecimals(last, before) > 0 ? last : null;
}

const stateOf = (revision: bigint): bigint => (revision >> POSITION_BITS) << POSITION_BITS;
