import type { Store } from '../../core/ports/store.ts';
import { ownRowToOp } from '../../gateways/claude-mem/own-row-op.ts';
import type { Op } from '../../gateways/claude-mem/schema.ts';
import { feedOf, type SyncFeeds } from '../../gateways/claude-mem/sync-feed.ts';
import { readOwnRows } from '../../sources/claude-mem/own-rows.ts';

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
  readonly store: Store;
  readonly feeds: Pick<SyncFeeds, 'push'>;
  readonly user: string;
  readonly device: string;
  /** claude-mem.db */
  readonly file: string;
  readonly onProgress?: (done: number) => void;
}): Promise<ImportReport> {
  const { store, feeds, user, device, file } = deps;
  const report = { rows: 0, imported: 0, skipped: 0 };
  for (const page of readOwnRows(file)) {
    const ops = page.map((row) => ownRowToOp(device, row));
    report.skipped += ops.filter((op) => op === null).length;
    const fresh = await withoutKnown(
      store,
      user,
      ops.filter((op) => op !== null),
    );
    const pushed = await feeds.push(user, device, fresh);
    // Only where the worker pushed another state of a row in this moment: it is there, then.
    if (pushed.ok) report.imported += fresh.length;
    else for (const op of fresh) report.imported += (await feeds.push(user, device, [op])).ok ? 1 : 0;
    report.rows += page.length;
    deps.onProgress?.(report.rows);
  }
  return report;
}

/** Rows of which the feed holds any state are the worker's to go on with. */
async function withoutKnown(store: Store, user: string, ops: readonly Op[]): Promise<Op[]> {
  const marks = await store.read((tx) =>
    tx.feeds.marks(
      feedOf(user),
      ops.map(({ says }) => says.id),
    ),
  );
  const known = new Set(marks.map(({ entity }) => entity));
  return ops.filter(({ says }) => !known.has(says.id));
}
