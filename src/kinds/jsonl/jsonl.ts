import type { Kind } from '../../core/merge/kind.ts';
import { countLines, MERGEABLE_LINES } from '../count-lines.ts';
import { MERGEABLE_BYTES } from '../read-text.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';
import { joinJsonl, splitJsonl } from './split-jsonl.ts';
import { startsWith } from './starts-with.ts';
import { unionLines } from './union-lines.ts';

/**
 * Logs of lines, to which several machines add on their own: the union of lines, by their exact bytes. The order is
 * theirs, then what only ours has. A last line without its end, which a writer has not finished, stays last and as it
 * is; two different ones are a conflict. Cost: O(n) for n bytes in all; a side beyond 64 MiB or a million lines is not merged.
 */
export const jsonlKind: Kind = {
  id: 'jsonl',
  deletable: true,
  appends: true,
  atomicGroups: false,
  groupOf: () => null,
  merge: (input) => mergeThreeWay(input, mergeLogs),
};

function mergeLogs(base: Uint8Array | null, theirs: Uint8Array, ours: Uint8Array): BodyOutcome {
  // Both only grew, and one by more of the same: this also sees that an unfinished line was finished.
  if (base === null || (startsWith(theirs, base) && startsWith(ours, base))) {
    if (startsWith(ours, theirs)) return { type: 'merged', body: ours };
    if (startsWith(theirs, ours)) return { type: 'merged', body: theirs };
  }
  if (tooLarge(theirs) || tooLarge(ours) || (base !== null && tooLarge(base))) {
    return { type: 'conflict', reason: 'a side is too large to merge' };
  }
  const merged = unionLines(splitJsonl(base ?? new Uint8Array(0)), splitJsonl(theirs), splitJsonl(ours));
  if (merged === null) return { type: 'conflict', reason: 'both sides end in an unfinished line' };
  return { type: 'merged', body: joinJsonl(merged) };
}

function tooLarge(body: Uint8Array): boolean {
  return body.length > MERGEABLE_BYTES || countLines(body) > MERGEABLE_LINES;
}
