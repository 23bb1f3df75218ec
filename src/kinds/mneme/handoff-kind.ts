import { canonicalTree, type JsonTree } from '../json/tree.ts';
import { createJsonFileKind } from './json-file.ts';
import { compareTimes, isTime, mergeUnknown, type MergeTree } from './tree-merge.ts';

/** Of two notes that say when they were written the newest is the file, and the other in its history. */
const takeNewest: MergeTree = (base, theirs, ours, note) => {
  const [left, right] = [writtenAt(theirs), writtenAt(ours)];
  if (!isTime(left) || !isTime(right)) return mergeUnknown(base, theirs, ours, note);
  const order = compareTimes(left, right);
  if (order !== 0) return order > 0 ? theirs : ours;
  return canonicalTree(theirs) > canonicalTree(ours) ? theirs : ours;
};

/**
 * `handoff.json`, `briefing.json`, and what was consumed of it (`briefing-archive/`): each is one note, that of the last session of
 * all. A deletion, which is how a briefing is consumed, yields to a newer one.
 */
export const mnemeHandoffKind = createJsonFileKind({ id: 'mneme-handoff', merge: takeNewest, end: '\n' });

function writtenAt(note: JsonTree): JsonTree | undefined {
  return note.type === 'object' ? note.members.get('ts') : undefined;
}
