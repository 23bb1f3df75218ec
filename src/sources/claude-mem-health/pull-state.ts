import { columnsOf, changeIn, lookInto } from './mem-tables.ts';
import { OWN_TABLES, type OwnRowKind } from '../claude-mem/own-rows.ts';

/** What claude-mem's client holds of a row that it was served. */
export interface PulledHead {
  readonly revision: string;
  /** Of the op's bytes, as the wire says it. */
  readonly digest: string;
}

/** How far claude-mem's client has read its hub's feed. */
export interface PullState {
  /** The last number that it took in. */
  readonly cursor: number;
  /** `null`: it never read any. */
  readonly epoch: string | null;
  /** By the ids of rows, as ops say them. */
  readonly heads: ReadonlyMap<string, PulledHead>;
}

/** `null` where the database is not there, or knows nothing of revisions. O(rows that were served). */
export function readPullState(file: string): PullState | null {
  return lookInto(file, (database) => {
    if (!columnsOf(database, 'sync_entity_heads').has('operation_sha256') || !columnsOf(database, 'sync_state').has('v')) return null;
    const state = new Map(database.prepare<[], [string, string]>('SELECT k, v FROM sync_state').raw().all());
    const heads = database
      .prepare<[], [string, string, string]>('SELECT entity_id, entity_rev, operation_sha256 FROM sync_entity_heads')
      .raw()
      .all();
    return {
      cursor: Number(state.get('cursor') ?? '0'),
      epoch: state.get('epoch') ?? null,
      heads: new Map(heads.map(([entity, revision, digest]) => [entity, { revision, digest }])),
    };
  });
}

/** A state of a row that the client is served. */
export interface ServedState {
  readonly kind: OwnRowKind;
  readonly entity: string;
  readonly device: string;
  readonly local: string;
  readonly revision: string;
  /** Of the bytes that are served. */
  readonly digest: string;
  /** It says that the row is gone. */
  readonly isGone: boolean;
}

/**
 * Has the client go on behind these states, of which it holds others at the same revisions: it takes in those of rows that are there, and leaves
 * rows that are gone there where they stand. Nobody may have the database open. One transaction; safe to repeat.
 */
export function settlePulled(file: string, states: readonly ServedState[]): void {
  changeIn(file, (database) => {
    for (const { kind, entity, device, local, revision, digest, isGone } of states) {
      if (isGone) {
        const taken = 'UPDATE sync_entity_heads SET operation_sha256 = ?, deleted = 1 WHERE entity_id = ? AND entity_rev = ?';
        database.prepare(taken).run(digest, entity, revision);
        continue;
      }
      database.prepare('DELETE FROM sync_entity_heads WHERE entity_id = ? AND entity_rev = ?').run(entity, revision);
      // Below the state that is served, which would be passed over as no news.
      const below = `UPDATE ${OWN_TABLES[kind]} SET sync_rev = ? WHERE origin_device_id = ? AND origin_local_id = ?`;
      database.prepare(below).run((BigInt(revision) - 1n).toString(), device, local);
    }
  });
}
