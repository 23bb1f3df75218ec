import type { Content } from '../../core/content.ts';
import type { ObjectId } from '../../core/ids.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import type { OpenSpace } from '../node.ts';

/**
 * How the log did away with a body; `null`: it did not, or that cannot be told here. Nothing is fetched. Cost: O(pieces); of a body that lies
 * in a bundle from which something was erased, the reading of it.
 */
export async function goneBody({ replica }: OpenSpace, content: Content | null): Promise<'erased' | 'pruned' | null> {
  const pieces = content?.pieces ?? [];
  if (content === null || pieces.every(({ object }) => replica.droppedObject(object) === null)) return null;
  const forms = pieces.flatMap(({ object }) => replica.formsOf(object));
  const here = await replica.deps.objects.has(replica.space, forms);
  const isHere = (id: ObjectId): boolean => replica.formsOf(id).some((form) => here.has(form));
  // What stands in the place of an object that something was cut from counts: the rest of it is there.
  const lost = pieces.flatMap(({ object }) => (isHere(object) ? [] : (replica.droppedObject(replica.replacementOf(object)) ?? [])));
  if (lost.length > 0) return lost.includes('erased') ? 'erased' : 'pruned';
  if (!pieces.every(({ object }) => isHere(object))) return null;
  try {
    await replica.bodies.read(content);
    return null;
  } catch (error) {
    if (!(error instanceof BodyUnavailable)) throw error;
    return error.reason === 'erased' || error.reason === 'pruned' ? error.reason : null;
  }
}
