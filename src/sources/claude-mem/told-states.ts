import { columnsOf, lookInto } from '../claude-mem-health/mem-tables.ts';

/** A state of a row that its worker told of, or is about to. */
export interface ToldState {
  readonly revision: string;
  /** Of its op. */
  readonly digest: string;
}

const TABLES = ['sync_entity_heads', 'sync_content_outbox'];

/** What a worker notes of its own words, by the row's id in the protocol. None where it has no such notes. O(what it told of). */
export function readToldStates(file: string, device: string): ReadonlyMap<string, readonly ToldState[]> {
  const told = new Map<string, ToldState[]>();
  lookInto(file, (database) => {
    for (const table of TABLES) {
      const columns = columnsOf(database, table);
      if (!['entity_id', 'entity_rev', 'operation_sha256'].every((column) => columns.has(column))) continue;
      // What is about to be sent is all its own.
      const [where, values] = columns.has('origin_device_id') ? [' WHERE origin_device_id = ?', [device]] : ['', []];
      const select = `SELECT entity_id, CAST(entity_rev AS TEXT), operation_sha256 FROM ${table}${where}`;
      for (const [entity, revision, digest] of database
        .prepare<string[], [string, string, string]>(select)
        .raw()
        .iterate(...values))
        told.set(entity, [...(told.get(entity) ?? []), { revision, digest }]);
    }
  });
  return told;
}
