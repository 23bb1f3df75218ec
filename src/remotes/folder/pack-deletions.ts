import { bytesToHex, hexToBytes, type ObjectId } from '../../core/ids.ts';
import { encodeFrame, readFrame, torn } from './frame.ts';
import type { Sequence } from './sequence.ts';

/** Which objects were deleted: what lies of them in a later pack was put again. */
export interface PackDeletions {
  /** Looks for deletions that came since. O(new ones). */
  refresh(): Promise<void>;
  /** The last pack in which the object counts as deleted; −1 for one that never was. */
  deletedUpTo(id: ObjectId): number;
  add(ids: readonly ObjectId[], upToPack: number): Promise<void>;
}

const ID = 32;

/** One file a deletion: the pack (4 bytes) in the head, the ids in the payload. Packs themselves never change. */
export function createPackDeletions(files: Sequence): PackDeletions {
  let deleted = new Map<ObjectId, number>();
  let read = -1;

  async function refresh(): Promise<void> {
    const newest = await files.newest();
    if (newest < read) [deleted, read] = [new Map(), -1]; // another folder than before
    for (; read < newest; read += 1) {
      const path = files.path(read + 1);
      const frame = await readFrame(path, 'DEL1');
      if (frame === null) throw torn(path, 'it is missing, though later ones are there');
      if (frame.head.length !== 4 || frame.payload.length % ID !== 0) throw torn(path, 'it is no list of deletions');
      const pack = frame.head.readUInt32BE(0);
      for (let at = 0; at < frame.payload.length; at += ID) {
        const id = bytesToHex(frame.payload.subarray(at, at + ID)) as ObjectId;
        deleted.set(id, Math.max(pack, deleted.get(id) ?? -1));
      }
    }
  }

  return {
    refresh,
    deletedUpTo: (id) => deleted.get(id) ?? -1,
    async add(ids, upToPack) {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(upToPack);
      const file = encodeFrame('DEL1', head, Buffer.concat(ids.map(hexToBytes)));
      for (let number = (await files.newest()) + 1; !(await files.publish(number, file)); number += 1);
      await refresh();
    },
  };
}
