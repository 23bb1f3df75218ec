import { columnsOf, lookInto } from '../claude-mem-health/mem-tables.ts';
import { OWN_TABLES, type OwnRowKind } from './own-rows.ts';

/**
 * The rows that a worker's own sync sent, or got, by table, as the database numbers them. `withHistory`: those from before it was switched on too,
 * which its client sets apart and only a node of the same machine pushes for it. None where it has no sync. O(rows).
 */
export function sentRows(file: string, withHistory: boolean): ReadonlyMap<string, ReadonlySet<number>> {
  const sent = new Map<string, ReadonlySet<number>>();
  lookInto(file, (database) => {
    const isApart = !withHistory && columnsOf(database, 'sync_launch_exclusions').has('through_rev');
    for (const [kind, table] of Object.entries(OWN_TABLES) as [OwnRowKind, string][]) {
      if (!columnsOf(database, table).has('origin_device_id')) continue;
      const apart = `id IN (SELECT CAST(origin_local_id AS INTEGER) FROM sync_launch_exclusions WHERE kind = '${kind}' AND through_rev = CAST(sync_rev AS TEXT))`;
      // Negative: its worker set it aside.
      const own = isApart ? `synced_at >= 0 AND NOT ${apart}` : 'synced_at >= 0';
      const rows = database.prepare<[], number>(`SELECT id FROM ${table} WHERE origin_device_id IS NOT NULL OR (${own})`).pluck();
      sent.set(table, new Set(rows.all()));
    }
  });
  return sent;
}

/** Of them, those that are other devices': its client takes in all that becomes of these elsewhere. O(rows). */
export function broughtRows(file: string): ReadonlyMap<string, ReadonlySet<number>> {
  const brought = new Map<string, ReadonlySet<number>>();
  lookInto(file, (database) => {
    for (const table of Object.values(OWN_TABLES)) {
      if (!columnsOf(database, table).has('origin_device_id')) continue;
      const rows = database.prepare<[], number>(`SELECT id FROM ${table} WHERE origin_device_id IS NOT NULL`).pluck();
      brought.set(table, new Set(rows.all()));
    }
  });
  return brought;
}
