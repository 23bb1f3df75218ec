import { printIndented } from '../json/print-indented.ts';
import { parseTree } from '../json/tree.ts';
import { encodeText } from '../read-text.ts';
import { countEntries } from './log-kind.ts';
import { countOf, literal } from './tree-merge.ts';

/**
 * The summary beside that log. Where its `lastEntryIndex` is beyond the log's end, as after a merge of the two, the client would
 * not summarise before the log is as long again: then it is the log's length. Otherwise the very bytes. Cost: O(size).
 */
export function clampSummary(summary: Uint8Array, log: Uint8Array): Uint8Array {
  const tree = parseTree(summary);
  if (!tree.ok || tree.value.type !== 'object') return summary;
  const index = countOf(tree.value.members.get('lastEntryIndex'));
  const entries = countEntries(log);
  if (index === null || index <= entries) return summary;
  const members = new Map([...tree.value.members, ['lastEntryIndex', literal(entries)] as const]);
  return encodeText(`${printIndented({ type: 'object', members })}\n`);
}
