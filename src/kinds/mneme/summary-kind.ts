import type { JsonTree } from '../json/tree.ts';
import { createJsonFileKind } from './json-file.ts';
import { keyByMembers, mergeList } from './merge-list.ts';
import { countOf, mergeMembers, mergeUnknown, takeLater, takeOurs, textMember, type MergeTree } from './tree-merge.ts';

const byTopic = keyByMembers('topic');
const byTopicAndStatus = keyByMembers('topic', 'status');

/** A field that both sides changed is the later one's in the log; what stands beside it is merged. */
const laterFields = mergeMembers(() => takeOurs, mergeUnknown);

const RULES: { readonly [key: string]: MergeTree } = {
  projectContext: takeOurs,
  keyDecisions: mergeList({ keyOf: keyByMembers('decision'), merge: laterFields, cap: 10, isKept: isFoundational }),
  currentState: mergeList({
    keyOf: (entry) => (textMember(entry, 'topic') === 'Completed' ? byTopicAndStatus : byTopic)(entry),
    merge: laterFields,
    cap: 15,
  }),
  recentWork: mergeList({ keyOf: keyByMembers('date', 'summary'), merge: laterFields, cap: 10 }),
  lastUpdated: takeLater,
  lastEntryIndex: takeLower,
};

/** `summary.json`: decisions, states and work, each entry by what it is about. Of too many the oldest go, foundational decisions last. */
export const mnemeSummaryKind = createJsonFileKind({
  id: 'mneme-summary',
  merge: mergeMembers((key) => (Object.hasOwn(RULES, key) ? (RULES[key] as MergeTree) : mergeUnknown), mergeUnknown),
  end: '\n',
});

function isFoundational(decision: JsonTree): boolean {
  const says = decision.type === 'object' ? decision.members.get('foundational') : undefined;
  return says?.type === 'literal' && says.text === 'true';
}

/** So many entries of the log are summarised: what both say is. More would keep the client from summarising what was merged in. */
function takeLower(...[base, theirs, ours, note]: Parameters<MergeTree>): JsonTree {
  const [left, right] = [countOf(theirs), countOf(ours)];
  if (left === null || right === null) return mergeUnknown(base, theirs, ours, note);
  return left <= right ? theirs : ours;
}
