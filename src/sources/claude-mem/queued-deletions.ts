import { columnsOf, lookInto } from '../claude-mem-health/mem-tables.ts';

/** An op as a worker wrote it down to send it. */
export interface QueuedOp {
  readonly body: string;
  readonly operation_sha256: string;
}

/**
 * What a worker has still to send of rows that it deleted, in its order: of each row all that is queued, since a deletion comes after what is said
 * of the row before. None where it has no such queue. O(queue). Throws where the database cannot be read.
 */
export function queuedDeletions(file: string): QueuedOp[] {
  const found = lookInto(file, (database) => {
    const columns = columnsOf(database, 'sync_content_outbox');
    if (!['id', 'entity_id', 'deleted', 'body', 'operation_sha256'].every((column) => columns.has(column))) return [];
    const deleted = 'SELECT entity_id FROM sync_content_outbox WHERE deleted = 1';
    const ops = database.prepare<[], QueuedOp>(
      `SELECT body, operation_sha256 FROM sync_content_outbox WHERE entity_id IN (${deleted}) ORDER BY id`,
    );
    return ops.all();
  });
  return found ?? [];
}
