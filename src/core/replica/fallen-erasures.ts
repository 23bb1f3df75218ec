import { contentsOf } from '../change.ts';
import type { Content } from '../content.ts';
import type { ObjectId } from '../ids.ts';
import { isOwner } from '../log/membership.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { KeyMissing } from './key-missing.ts';
import { dropsFrom } from './prune-obey.ts';
import { resealBodies, type Reland } from './reland.ts';
import type { Replica } from './replica.ts';
import { openText } from './sealed-text.ts';
import { BodyUnavailable } from './workspace.ts';

/** Collection: what erase records that fell had erased, by space. */
export const FALLEN_ERASURES = 'fallen-erasures';

/** What one erase record had erased, that an owner has to erase again. */
export interface FallenErasure {
  readonly objects: readonly ObjectId[];
  /** What stood in the place of those that held other bodies too. */
  readonly replaced: readonly { readonly from: ObjectId; readonly to: ObjectId }[];
  /** As its author had written it for the members; `null` where it does not open. */
  readonly reason: string | null;
}

/**
 * What the erase records behind `position` erased, for the transaction in which the log falls back to there. Those of an earlier fall that
 * were not decided again yet stay. Who is no owner keeps nothing: it could decide nothing. Cost: O(control records behind it).
 */
export async function keepErasures(replica: Replica, position: number): Promise<(tx: StoreTransaction) => Promise<void>> {
  const { space, membership, machine } = replica;
  const fallen: FallenErasure[] = [];
  for (const { payload } of isOwner(membership, machine) ? await dropsFrom(replica, position + 1) : []) {
    if (payload.op !== 'erase') continue;
    const objects = payload.objects.filter((id) => replica.droppedObject(id) === 'erased');
    const replaced = payload.replaced.map(({ from }) => ({ from, to: replica.replacementOf(from) }));
    fallen.push({ objects, replaced, reason: await openedReason(replica, payload.sealedReason) });
  }
  return async (tx) => {
    if (fallen.length === 0) return;
    const before = (await tx.documents.get<readonly FallenErasure[]>(FALLEN_ERASURES, space)) ?? [];
    await tx.documents.put(FALLEN_ERASURES, space, [...before, ...fallen]);
  };
}

async function openedReason(replica: Replica, sealed: Uint8Array): Promise<string | null> {
  try {
    return await openText(sealed, replica.space, replica.keys, replica.deps.compression);
  } catch (error) {
    if (error instanceof KeyMissing) return null;
    throw error;
  }
}

/**
 * A reland without what was erased since it fell, or by a record that this machine had not heard of: that falls for good. What shared an object
 * with it is sealed anew, and so is a body that goes on in words which nobody erased. `null` while what stands in an object's
 * place cannot be fetched. The same reland where nothing of it was erased.
 */
export async function withoutErased(replica: Replica, reland: Reland): Promise<Reland | null> {
  const isErased = (id: ObjectId): boolean => replica.droppedObject(id) === 'erased';
  const isTouched = (content: Content): boolean => content.pieces.some(({ object }) => isErased(object));
  const contents = [...reland.commit.changes.flatMap(contentsOf), ...reland.bases.filter((base) => base !== null)];
  if (!contents.some(isTouched)) return reland;
  const sealed = resealBodies(reland, replica.bodies, replica.keyId, (content) => {
    if (!isTouched(content)) return 'as it is';
    // What was not sent yet may go on from it: that is not lost, and nobody erased it.
    if (!content.pieces.every(({ object }) => isErased(object))) return content;
    if (content.pieces.some(({ object }) => replica.droppedObject(replica.replacementOf(object)) === 'erased')) return null;
    return { ...content, pieces: content.pieces.map((piece) => ({ ...piece, object: replica.replacementOf(piece.object) })) };
  });
  return sealed.catch((error: unknown) => {
    if (error instanceof BodyUnavailable) return null;
    throw error;
  });
}
