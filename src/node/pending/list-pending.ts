import { lacksKey } from '../missing-key.ts';
import type { SatchelNode } from '../node.ts';
import { pendingConsents } from './pending-consents.ts';
import { pendingForms } from './pending-forms.ts';
import { pendingDeletions, rowsPlace, treePlace } from './pending-deletions.ts';
import { pendingOlderState } from './pending-older-state.ts';
import { pendingOutgoing } from './pending-outgoing.ts';
import { pendingFirstApply } from './pending-first-apply.ts';
import type { Pending } from './pending-entry.ts';

/**
 * Everything in this node's spaces that waits for an answer, and what was rejected. Where no node runs it captures before, unless `looks` is
 * false: then what is gone, or would go out, since a node ran is not known. O(what waits).
 */
export async function listPending(node: SatchelNode, { looks = true } = {}): Promise<Pending[]> {
  const pending: Pending[] = [];
  for (const open of node.spaces.values()) {
    if (open.replica.term === null || lacksKey(open)) continue; // nothing of its log is here yet, or can be read
    for (const source of open.sources) {
      pending.push(...(await pendingFirstApply(node, open, source)));
      pending.push(...(await pendingDeletions(node, treePlace(source), looks)));
      pending.push(...(await pendingOutgoing(node, open, source)));
      pending.push(...(await pendingConsents(node, open, source)));
      pending.push(...(await pendingForms(node, open, source)));
    }
    for (const rows of open.rows) {
      pending.push(...(await pendingDeletions(node, rowsPlace(rows), looks)), ...pendingOlderState(node, rows));
      pending.push(...(await pendingOutgoing(node, open, rows)));
    }
  }
  return pending;
}
