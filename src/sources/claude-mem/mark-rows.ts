import Database from 'better-sqlite3';
import { OWN_TABLES, type OwnRowKind, type StandingRow } from './own-rows.ts';

/** A row that stands in a database, and what it is where it was made. */
export interface RowMark {
  readonly kind: OwnRowKind;
  /** Its number here, and what it was marked as until now. */
  readonly local: string;
  readonly before: StandingRow['origin'];
  /** `null`: this database's own. As before: only a higher revision is written, and nothing counts as marked. */
  readonly origin: StandingRow['origin'];
  /** Of the state that stands here: claude-mem's client takes in what is above. */
  readonly revision: string;
}

/** In one transaction: a worker waits 5 s at most. */
const AT_ONCE = 500;

/**
 * Marks rows as another device's, so that claude-mem's client knows them when they are served, and does not push them as its own. Says what
 * no column holds that Satchel carries. `now` in milliseconds since 1970, for rows that were not sent. Transactions of at most 500 rows; safe
 * to repeat, and while the worker goes on. Gives how many were marked. Throws where the database cannot be written.
 */
export function markRows(file: string, marks: readonly RowMark[], now: number): number {
  if (marks.length === 0) return 0;
  const database = new Database(file, { fileMustExist: true, timeout: 5_000 });
  try {
    database.pragma('foreign_keys = ON');
    database.pragma('synchronous = FULL');
    let marked = 0;
    for (let from = 0; from < marks.length; from += AT_ONCE) {
      const some = marks.slice(from, from + AT_ONCE);
      marked += database.transaction(() => some.reduce((sum, mark) => sum + markRow(database, mark, now), 0)).immediate();
    }
    return marked;
  } finally {
    database.close();
  }
}

function markRow(database: Database.Database, { kind, local, before, origin, revision }: RowMark, now: number): number {
  const isTaken =
    origin !== null &&
    database
      .prepare(`select 1 from ${OWN_TABLES[kind]} where origin_device_id = ? and origin_local_id = ? and id <> ?`)
      .get(origin.device, origin.local, local) !== undefined;
  if (isTaken) return 0;
  if (before !== null && before.device === origin?.device && before.local === origin.local) {
    const raise = `update ${OWN_TABLES[kind]} set sync_rev = ?
      where id = ? and origin_device_id is ? and origin_local_id is ? and cast(sync_rev as integer) < cast(? as integer)`;
    database.prepare(raise).run(revision, local, before.device, before.local, revision);
    return 0;
  }
  const { changes } = database
    .prepare(
      `update ${OWN_TABLES[kind]} set origin_device_id = ?, origin_local_id = ?, sync_rev = ?, synced_at = coalesce(synced_at, ?)
       where id = ? and origin_device_id is ? and origin_local_id is ?`,
    )
    .run(origin?.device ?? null, origin?.local ?? null, revision, now, local, before?.device ?? null, before?.local ?? null);
  if (changes > 0 && before === null)
    database.prepare('delete from sync_content_outbox where kind = ? and origin_local_id = ? and deleted = 0').run(kind, local);
  return changes;
}
