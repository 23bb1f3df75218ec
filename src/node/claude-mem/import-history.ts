import type { Op } from '../../gateways/claude-mem/schema.ts';
import type { SyncFeeds } from '../../gateways/claude-mem/sync-feed.ts';
import { readOwnRows } from '../../sources/claude-mem/own-rows.ts';
import { readToldStates } from '../../sources/claude-mem/told-states.ts';
import { opOfWorker } from './op-of-worker.ts';

export interface ImportReport {
  /** Rows of this machine's own in the database. */
  readonly rows: number;
  /** That were not in the feed. */
  readonly imported: number;
  /** That no client could apply: its own worker would set them aside as well. */
  readonly skipped: number;
}

/**
 * Puts the rows that a worker's own sync leaves behind (all that was there before it was switched on) into its user's feed, as the worker
 * would have pushed them. Safe to repeat, and while the worker pushes: the same row has the same bytes. O(rows).
 */
export async function importHistory(deps: {
  readonly feeds: Pick<SyncFeeds, 'push' | 'index'>;
  readonly user: string;
  readonly device: string;
  /** claude-mem.db */
  readonly file: string;
  readonly onProgress?: (done: number) => void;
}): Promise<ImportReport> {
  const { feeds, user, device, file } = deps;
  const report = { rows: 0, imported: 0, skipped: 0 };
  const told = readToldStates(file, device);
  for (const page of readOwnRows(file)) {
    const ops = page.map((row) => opOfWorker(device, row, told));
    report.skipped += ops.filter((op) => op === null).length;
    // Rows of which the feed holds any state are the worker's to go on with.
    const index = await feeds.index(user);
    const fresh = ops.filter((op) => op !== null && index.of(op.says.id).length === 0) as Op[];
    const pushed = await feeds.push(user, device, fresh);
    // Only where the worker pushed another state of a row in this moment: it is there, then.
    if (pushed.ok) report.imported += fresh.length;
    else for (const op of fresh) report.imported += (await feeds.push(user, device, [op])).ok ? 1 : 0;
    report.rows += page.length;
    deps.onProgress?.(report.rows);
  }
  return report;
}
