import { sha256Hex } from '../core/crypto/hash.ts';
import type { SealedObject } from '../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../core/ids.ts';
import type { ObjectStore } from '../core/ports/objects.ts';
import type { Store } from '../core/ports/store.ts';
import { checkCheckpoint, checkSpace } from './checks.ts';

export interface LocalCheckpoints {
  read(space: SpaceId): Promise<Uint8Array | null>;
  write(space: SpaceId, position: number, bytes: Uint8Array): Promise<void>;
}

interface CheckpointDocument {
  readonly position: number;
  readonly pieces: readonly ObjectId[];
}

const COLLECTION = 'remote-checkpoints';
const PIECE = 1024 * 1024;

/**
 * Checkpoints as pieces in the object store and a document that lists them. The pieces lie in an object space of
 * their own, where no collection of the space's unnamed objects meets them.
 */
export function createLocalCheckpoints(store: Store, objects: ObjectStore): LocalCheckpoints {
  // One at a time: a writer removes the pieces that its document does not name.
  let writing: Promise<void> = Promise.resolve();

  const current = (space: SpaceId): Promise<CheckpointDocument | undefined> =>
    store.read((tx) => tx.documents.get<CheckpointDocument>(COLLECTION, space));

  async function write(space: SpaceId, position: number, bytes: Uint8Array): Promise<void> {
    const before = await current(space);
    if (before !== undefined && before.position > position) return;
    const shelf = shelfOf(space);
    const pieces = split(bytes);
    for (const piece of pieces) await objects.put(shelf, [piece]);
    const document: CheckpointDocument = { position, pieces: pieces.map((piece) => piece.id) };
    await store.write(async (tx) => {
      const newest = await tx.documents.get<CheckpointDocument>(COLLECTION, space);
      if (newest !== undefined && newest.position > position) return;
      // Another process on the same store may have swept what no document named yet.
      const here = await objects.has(shelf, document.pieces);
      for (const piece of pieces) if (!here.has(piece.id)) await objects.put(shelf, [piece]);
      await tx.documents.put(COLLECTION, space, document);
    });
    // In a transaction, so that no other document comes in between.
    await store.write(async (tx) => {
      const newest = await tx.documents.get<CheckpointDocument>(COLLECTION, space);
      await sweep(shelf, new Set(newest?.pieces));
    });
  }

  async function sweep(shelf: SpaceId, named: ReadonlySet<ObjectId>): Promise<void> {
    const stale: ObjectId[] = [];
    for await (const { id } of objects.list(shelf)) if (!named.has(id)) stale.push(id);
    if (stale.length > 0) await objects.delete(shelf, stale);
  }

  return {
    async read(space) {
      checkSpace(space);
      // A writer may sweep the pieces between the two look-ups: then its document is there, and the next turn finds it.
      for (let seen: CheckpointDocument | undefined; ;) {
        const document = await current(space);
        if (document === undefined) return null;
        const found = await objects.get(shelfOf(space), document.pieces);
        if (found.size === new Set(document.pieces).size) return Buffer.concat(document.pieces.map((id) => found.get(id) as Uint8Array));
        if (seen?.pieces.join() === document.pieces.join()) return null;
        seen = document;
      }
    },
    write(space, position, bytes) {
      const turn = writing.then(() => {
        checkSpace(space);
        checkCheckpoint(position, bytes);
        return write(space, position, bytes);
      });
      writing = turn.catch(() => undefined); // its caller has the error; the next one's turn comes all the same
      return turn;
    },
  };
}

/** The space of objects in which the pieces of a space's checkpoint lie. */
export function shelfOf(space: SpaceId): SpaceId {
  return sha256Hex('satchel/v1/checkpoint-pieces\0', space) as SpaceId;
}

function split(bytes: Uint8Array): SealedObject[] {
  const pieces: SealedObject[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    const piece = bytes.subarray(at, at + PIECE);
    pieces.push({ id: sha256Hex(piece) as ObjectId, bytes: piece });
  }
  return pieces;
}
