import type { Kind } from '../../core/merge/kind.ts';
import { countLines, MERGEABLE_LINES } from '../count-lines.ts';
import { joinJsonl, splitJsonl, type JsonlLines } from '../jsonl/split-jsonl.ts';
import { startsWith } from '../jsonl/starts-with.ts';
import { unionLines } from '../jsonl/union-lines.ts';
import { MERGEABLE_BYTES } from '../read-text.ts';
import { mergeThreeWay, type BodyOutcome } from '../three-way.ts';
import { mnemeGroup } from './names.ts';

/**
 * `log.jsonl`: entries by their exact lines, whatever their type. Lines are added at the end and, once they are summarised, taken
 * away at the front: what either side took away stays away. The order is theirs, then what only ours has. Unfinished last
 * lines of both sides are both kept, each on a line of its own. Cost: O(n) for n bytes in all.
 */
export const mnemeLogKind: Kind = {
  id: 'mneme-log',
  deletable: true,
  appends: true,
  atomicGroups: false,
  groupOf: mnemeGroup,
  merge: (input) => mergeThreeWay(input, mergeLogs),
};

/** Entries of a log, as mneme counts them: lines that hold something. Cost: O(size). */
export function countEntries(log: Uint8Array): number {
  const { lines, torn } = splitJsonl(log);
  return lines.filter((line) => line !== '').length + Number(torn !== '');
}

function mergeLogs(base: Uint8Array | null, theirs: Uint8Array, ours: Uint8Array): BodyOutcome {
  // Both only grew, and one by more of the same: this also sees that an unfinished line was finished.
  if (base === null || (startsWith(theirs, base) && startsWith(ours, base))) {
    if (startsWith(ours, theirs)) return { type: 'merged', body: ours };
    if (startsWith(theirs, ours)) return { type: 'merged', body: theirs };
  }
  if ([base, theirs, ours].some((side) => side !== null && (side.length > MERGEABLE_BYTES || countLines(side) > MERGEABLE_LINES)))
    return { type: 'conflict', reason: 'a side is too large to merge' };
  const [before, left, right] = [splitJsonl(base ?? new Uint8Array(0)), splitJsonl(theirs), splitJsonl(ours)];
  return {
    type: 'merged',
    body: joinJsonl(unionLines(before, left, right) ?? unionLines(before, finished(left), finished(right)) ?? left),
  };
}

function finished({ lines, torn }: JsonlLines): JsonlLines {
  return { lines: [...lines, torn], torn: '' };
}
