import type { ObjectId, SpaceId } from '../core/ids.ts';
import { droppedBy, dropsOf, type DropRecord } from '../core/log/drops.ts';
import { decodeRecord } from '../core/log/record.ts';
import { refused } from './checks.ts';

/** A log as a remote holds it; records encoded. */
export interface ReadableLog {
  /** All control records, ascending. */
  controls(): Promise<readonly Uint8Array[]>;
  /** A page from a position on; none past the head. */
  read(from: number): Promise<readonly Uint8Array[]>;
}

/** Why an object may go. */
export type Reason = 'prune' | 'erase';

/**
 * Those of `ids` that the log lets go: named by a prune or erase record, and by no record behind the last such one.
 * Throws `refused` for any that no prune or erase record names. Cost: O(control records, and the records behind the
 * oldest drop record that names one of the ids).
 */
export async function deletableObjects(log: ReadableLog, space: SpaceId, ids: Iterable<ObjectId>): Promise<Map<ObjectId, Reason>> {
  const dropped = new Map<ObjectId, DropRecord>();
  for (const drop of dropsOf(await log.controls(), space)) for (const id of droppedBy(drop)) dropped.set(id, drop);
  const deletable = new Map<ObjectId, DropRecord>();
  let from = Number.MAX_SAFE_INTEGER;
  for (const id of ids) {
    const drop = dropped.get(id);
    if (drop === undefined) throw refused(`object ${id} is named by no prune or erase record of the log`);
    deletable.set(id, drop);
    from = Math.min(from, drop.position + 1);
  }
  while (deletable.size > 0) {
    const page = await log.read(from);
    if (page.length === 0) break;
    for (const bytes of page) {
      const record = decodeRecord(bytes);
      if (!record.ok) continue;
      for (const id of record.value.header.objects)
        if ((deletable.get(id)?.position ?? Infinity) < record.value.header.position) deletable.delete(id);
    }
    from += page.length;
  }
  return new Map([...deletable].map(([id, drop]) => [id, drop.payload.op]));
}
