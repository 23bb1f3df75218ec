import { LIMITS } from '../limits.ts';
import type { Found } from './workspace.ts';

/** Wishes of one commit; each may become two changes. */
const FOUND_PER_COMMIT = LIMITS.changesPerCommit / 2;

/** What was found, in commits by the format's limits, in its order. */
export function foundBatches(found: readonly Found[]): Found[][] {
  const batches: Found[][] = [];
  let batch: Found[] = [];
  let bytes = 0;
  for (const entry of found) {
    const size = entry.type === 'body' ? entry.body.length : entry.type === 'tail' ? entry.tail.length : 0;
    if (batch.length > 0 && (batch.length >= FOUND_PER_COMMIT || bytes + size > LIMITS.commitBodyTarget)) {
      batches.push(batch);
      [batch, bytes] = [[], 0];
    }
    batch.push(entry);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
