import type { Database } from 'better-sqlite3';
import type { Ailment } from './ailment.ts';
import { keepDatabase } from './keep-copy.ts';
import { changeIn, columnsOf, lookInto } from './mem-tables.ts';

const TABLES = { observation: 'observations', summary: 'session_summaries', prompt: 'user_prompts' } as const;

/** Rows from before claude-mem's sync was switched on, which it set apart for ever: no other machine has them. O(rows). */
export function lookForLeftBehind(file: string): Ailment | null {
  const count = lookInto(file, (database) => leftBehind(database).length) ?? 0;
  if (count === 0) return null;
  return {
    id: 'history',
    result: 'warn',
    severity: 'medium',
    reason: `${count} ${count === 1 ? 'row' : 'rows'} from before its sync was switched on ${count === 1 ? 'is' : 'are'} never pushed by claude-mem`,
    evidence: ['its hub, and the other machines of that hub, do not have them'],
    would: [`have claude-mem push ${count === 1 ? 'it' : 'them'} like new ones`],
    advice: null,
    async repair(backups) {
      const backup = await keepDatabase(file, backups, 'claude-mem');
      const freed = changeIn(file, (database) => {
        const rows = leftBehind(database);
        for (const { kind, local } of rows) {
          database.prepare(`UPDATE ${TABLES[kind]} SET synced_at = NULL WHERE id = ? AND origin_device_id IS NULL`).run(local);
          database.prepare('DELETE FROM sync_launch_exclusions WHERE kind = ? AND origin_local_id = ?').run(kind, local);
        }
        return rows.length;
      });
      return {
        type: 'done',
        lines: [`claude-mem pushes ${freed} more ${freed === 1 ? 'row' : 'rows'} when it syncs next.`],
        backup,
        rescued: [],
      };
    },
  };
}

interface LeftRow {
  readonly kind: keyof typeof TABLES;
  readonly local: string;
}

/** Set apart, and not changed since: then it was pushed. */
function leftBehind(database: Database): LeftRow[] {
  if (!columnsOf(database, 'sync_launch_exclusions').has('through_rev')) return [];
  return (Object.keys(TABLES) as (keyof typeof TABLES)[]).flatMap((kind) => {
    if (!columnsOf(database, TABLES[kind]).has('sync_rev')) return [];
    return database
      .prepare<[string], LeftRow>(
        `SELECT e.kind AS kind, e.origin_local_id AS local FROM sync_launch_exclusions e
         JOIN ${TABLES[kind]} t ON t.id = CAST(e.origin_local_id AS INTEGER)
         WHERE e.kind = ? AND t.origin_device_id IS NULL AND t.synced_at IS NOT NULL AND CAST(t.sync_rev AS TEXT) = e.through_rev`,
      )
      .all(kind);
  });
}
