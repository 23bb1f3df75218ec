import type { LiveLine } from '../../core/hub-protocol/wire.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import type { ReadAnswer, ReadLimit } from '../../core/ports/remote.ts';

/** What came along on a live stream, and is likely to be asked for next. Foreign, as all that the hub answers. */
export interface ArrivedSegments {
  keep(line: LiveLine): void;
  /** A page from there, where it is what moved the head that the caller heard of. Given once: asked again, the hub answers. */
  page(space: SpaceId, from: number, limit: ReadLimit): ReadAnswer | null;
  /** Those of them that came along, each once. */
  objects(ids: readonly ObjectId[]): Map<ObjectId, Uint8Array>;
}

/** Those of more segments than are put in place at a time are asked for. */
const OBJECT_BYTES = 512 * 1024;

/** Memory: the last segment of each space, and {@link OBJECT_BYTES}. */
export function createArrivedSegments(): ArrivedSegments {
  const last = new Map<SpaceId, LiveLine>();
  const objects = new Map<ObjectId, Uint8Array>();
  let bytes = 0;

  function drop(id: ObjectId): void {
    bytes -= objects.get(id)?.length ?? 0;
    objects.delete(id);
  }

  return {
    keep(line) {
      last.delete(line.space);
      if (line.arrived === undefined) return;
      last.set(line.space, line);
      for (const object of line.arrived.objects) {
        drop(object.id);
        objects.set(object.id, object.bytes);
        bytes += object.bytes.length;
      }
      for (const oldest of objects.keys()) {
        if (bytes <= OBJECT_BYTES) break;
        drop(oldest);
      }
    },
    page(space, from, { heard }) {
      const { head = null, arrived } = last.get(space) ?? {};
      if (arrived === undefined || head === null || heard === undefined) return null;
      if (arrived.expected.position + 1 !== from || head.hash !== heard.hash) return null;
      last.delete(space);
      return { records: arrived.records, head };
    },
    objects(ids) {
      const found = new Map<ObjectId, Uint8Array>();
      for (const id of ids) {
        const object = objects.get(id);
        if (object === undefined) continue;
        found.set(id, object);
        drop(id);
      }
      return found;
    },
  };
}
