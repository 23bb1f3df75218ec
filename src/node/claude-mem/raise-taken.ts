import { changeIn } from '../../sources/claude-mem-health/mem-tables.ts';
import { compareRows, type ComparedRow, type ToldFeed } from './compare-rows.ts';

/** A row that gets a revision above what is taken. `isTold`: the feed says this very state of it, so that it has not to be sent. */
export type RaisedRow = Pick<ComparedRow, 'table' | 'local' | 'entity' | 'pushed'> & { readonly isTold: boolean };

/** Gives rows of the database's own machine the revision above what that pushed, in one transaction. Safe to repeat, and while the worker goes on. */
export function raiseRows(file: string, rows: readonly RaisedRow[]): void {
  if (rows.length === 0) return;
  changeIn(file, (database) => {
    for (const { table, local, entity, pushed, isTold } of rows) {
      const next = (BigInt(pushed) + 1n).toString();
      const sent = isTold ? 'synced_at' : 'NULL';
      database.prepare(`UPDATE ${table} SET sync_rev = ?, synced_at = ${sent} WHERE id = ? AND origin_device_id IS NULL`).run(next, local);
      database.prepare('DELETE FROM sync_content_outbox WHERE entity_id = ?').run(entity);
    }
  });
}

/**
 * Raises the rows of which the feed has another state at their revision: they were edited while another way carried them. Sent under that revision,
 * as after a new epoch, they would be refused, and all behind them. O(rows), and a look at each such row.
 */
export async function raiseTaken(file: string, device: string, feed: ToldFeed): Promise<void> {
  const { edited, others } = await compareRows(file, device, feed);
  // Of a device id that another database uses, too, a repair makes another one.
  if (others.length > 0) return;
  const raised: RaisedRow[] = [];
  for (const row of edited) {
    const newest = feed.index.newest(row.entity);
    const told = newest === undefined ? null : await feed.told(newest.number);
    raised.push({ ...row, isTold: told?.state === row.state });
  }
  raiseRows(file, raised);
}
