import { bytesToHex, hexToBytes, type ObjectId } from '../../core/ids.ts';
import type { FolderFiles } from './files.ts';
import { encodeFrame, readFrame, torn } from './frame.ts';
import type { Sequence } from './sequence.ts';

/** Which objects were deleted: what lies of them in a later pack was put again. */
export interface PackDeletions {
  /** Looks for deletions that came since. O(new ones). */
  refresh(): Promise<void>;
  /** The last pack in which the object counts as deleted; −1 for one that never was. */
  deletedUpTo(id: ObjectId): number;
  add(ids: readonly ObjectId[], upToPack: number): Promise<void>;
  /** Deletions that are an hour old and whose bytes may lie in the packs still, in order. */
  unswept(): Promise<readonly Deletion[]>;
  /** The bytes of a deletion are gone. */
  swept(deletion: Deletion): Promise<void>;
}

export interface Deletion {
  readonly path: string;
  readonly ids: readonly ObjectId[];
  readonly upToPack: number;
}

const ID = 32;

/**
 * One file a deletion: the pack (4 bytes) in the head, the ids in the payload; and an empty one beside it, once its
 * bytes are gone from the packs.
 */
export function createPackDeletions(sequence: Sequence, files: FolderFiles): PackDeletions {
  let deleted = new Map<ObjectId, number>();
  let read = -1;
  const done = new Set<string>();

  async function readDeletion(path: string): Promise<Deletion> {
    const frame = await readFrame(path, 'DEL1');
    if (frame === null) throw torn(path, 'it is missing, though later ones are there');
    const { head, payload } = frame;
    if (head.length !== 4 || payload.length % ID !== 0) throw torn(path, 'it is no list of deletions');
    const ids = Array.from({ length: payload.length / ID }, (_, at) => bytesToHex(payload.subarray(at * ID, (at + 1) * ID)) as ObjectId);
    return { path, ids, upToPack: head.readUInt32BE(0) };
  }

  async function refresh(): Promise<void> {
    const newest = await sequence.newest();
    if (newest < read) [deleted, read] = [new Map(), -1]; // another folder than before
    for (; read < newest; read += 1) {
      const { ids, upToPack } = await readDeletion(sequence.path(read + 1));
      for (const id of ids) deleted.set(id, Math.max(upToPack, deleted.get(id) ?? -1));
    }
  }

  return {
    refresh,
    deletedUpTo: (id) => deleted.get(id) ?? -1,
    async add(ids, upToPack) {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(upToPack);
      const file = encodeFrame('DEL1', head, Buffer.concat(ids.map(hexToBytes)));
      for (let number = (await sequence.newest()) + 1; !(await sequence.publish(number, file)); number += 1);
      await refresh();
    },
    async unswept() {
      const open: string[] = [];
      const newest = await sequence.newest();
      for (let number = 0; number <= newest; number += 1) {
        const path = sequence.path(number);
        if (!done.has(path) && (await readFrame(sweptPath(path), 'DEL1')) === null) open.push(path);
        else done.add(path);
      }
      return Promise.all((await files.settled(open)).map(readDeletion));
    },
    async swept({ path }) {
      await files.publish(sweptPath(path), encodeFrame('DEL1', new Uint8Array(0), new Uint8Array(0)));
      done.add(path);
    },
  };
}

function sweptPath(path: string): string {
  return `${path}.swept`;
}
