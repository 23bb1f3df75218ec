import type { Kind } from '../../core/merge/kind.ts';
import { countLines, MERGEABLE_LINES } from '../count-lines.ts';
import { encodeText, readText } from '../read-text.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';
import { mergeLines } from './merge-lines.ts';
import { joinLines, splitLines, withCarriageReturns, type Lines } from './split-lines.ts';

/**
 * UTF-8 text, merged by lines. The line ends of a file and the end of its last line are settled apart from its lines,
 * so that a machine that writes CRLF does not collide with every edit. Overlapping changes are a conflict, and no
 * marker ever stands in a live body. Without a base, a side that holds all lines of the other in order is the merge.
 * Cost: O(n log n) in lines and a bounded rest (`mergeLines`); what is beyond the bounds is a conflict.
 */
export const textKind: Kind = {
  id: 'text',
  deletable: true,
  appends: false,
  atomicGroups: false,
  groupOf: () => null,
  merge: (input) => mergeThreeWay(input, mergeTexts),
};

function mergeTexts(baseBody: Uint8Array | null, theirsBody: Uint8Array, oursBody: Uint8Array): BodyOutcome {
  const bodies = baseBody === null ? [theirsBody, oursBody] : [theirsBody, oursBody, baseBody];
  const texts = bodies.map(readText);
  if (texts.includes(null)) return conflict('a side is not UTF-8 text, or is too large to merge');
  if (bodies.some((body) => countLines(body) > MERGEABLE_LINES)) return conflict('too many lines to merge');
  const [theirs, ours, base] = comparable(texts.map((text) => splitLines(text ?? '')));
  if (theirs === undefined || ours === undefined) throw new Error('two sides make a merge');
  if (base === undefined) return mergeAdded(theirs, ours, theirsBody, oursBody);

  const outcome = mergeLines(base.lines, theirs.lines, ours.lines);
  if (outcome.type === 'overlap') return conflict('both sides changed the same lines');
  if (outcome.type === 'too-costly') return conflict('both sides changed too much to merge');
  const merged: Lines = {
    lines: outcome.lines,
    eol: pick(base.eol, theirs.eol, ours.eol),
    finalEol: pick(base.finalEol, theirs.finalEol, ours.finalEol),
  };
  return { type: 'merged', body: encodeText(joinLines(merged)) };
}

function mergeAdded(theirs: Lines, ours: Lines, theirsBody: Uint8Array, oursBody: Uint8Array): BodyOutcome {
  if (holdsInOrder(theirs.lines, ours.lines)) return { type: 'merged', body: theirsBody };
  if (holdsInOrder(ours.lines, theirs.lines)) return { type: 'merged', body: oursBody };
  return conflict('both sides added different texts');
}

/** Where one version mixes line ends, carriage returns are part of the lines of all. */
function comparable(splits: readonly Lines[]): readonly Lines[] {
  return splits.some((split) => split.eol === 'mixed') ? splits.map(withCarriageReturns) : splits;
}

/** Three-way for a value that two sides cannot change differently; no line end (`null`) is no opinion. */
function pick<T extends string | boolean | null>(base: T, theirs: T, ours: T): T {
  if (ours === null || ours === base) return theirs ?? base;
  return theirs === null || theirs === base ? ours : theirs;
}

/** Whether `whole` holds all of `part` in order: a subsequence. */
function holdsInOrder(whole: readonly string[], part: readonly string[]): boolean {
  let found = 0;
  for (const line of whole) if (found < part.length && line === part[found]) found++;
  return found === part.length;
}

function conflict(reason: string): BodyOutcome {
  return { type: 'conflict', reason };
}
