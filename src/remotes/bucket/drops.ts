import type { ObjectId } from '../../core/ids.ts';
import type { BucketLog, Tail } from './bucket-log.ts';
import { damaged } from './damage.ts';
import { isDrop } from './segment.ts';

/**
 * Which objects were deleted, and how often: each time an object is put again it lies under the next generation, so
 * that a name whose blob was removed is never used again. Deletions are segments of the log: an append wins only behind
 * the newest of them, and so never counts on what one took away.
 */
export interface Drops {
  /** Reads the deletions up to `tail`. A request each that is new. */
  follow(tail: Tail | null): Promise<void>;
  /** Under which generation an object lies, or would be put. */
  generation(id: ObjectId): number;
}

export function createDrops(log: BucketLog): Drops {
  let generations = new Map<ObjectId, number>();
  let read: number | null = null;
  let of = log.generation;

  return {
    async follow(tail) {
      if (of !== log.generation) [generations, read, of] = [new Map(), null, log.generation];
      const behind = read;
      for (let at = tail?.dropAt ?? null; at !== null && (behind === null || at > behind);) {
        const { info, dropped } = await log.segment(at);
        const isBefore = info.dropBefore === null || info.dropBefore < at;
        if (!isDrop(info) || !isBefore) throw damaged(log.nameOf(at), 'it is not the deletion that another one names');
        for (const { id, generation } of dropped) generations.set(id, Math.max(generation + 1, generations.get(id) ?? 0));
        at = info.dropBefore;
      }
      // Only now: where a request failed half-way, all is read again.
      if (tail?.dropAt != null && (read === null || tail.dropAt > read)) read = tail.dropAt;
    },
    generation: (id) => generations.get(id) ?? 0,
  };
}
