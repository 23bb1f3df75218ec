import type { SealedObject } from '../crypto/object-cipher.ts';
import type { ObjectId } from '../ids.ts';
import { getSound } from '../ports/objects.ts';
import type { Remote } from '../ports/remote.ts';
import type { Replica } from './replica.ts';

const PUT_BYTES = 4 * 1024 * 1024;

/**
 * Sends a remote what it lost and is here in good order: what its logs name, and somebody asked it for in vain. Answers how many
 * objects. Throws RemoteError. Cost: a question where nothing is wanted, else O(bytes that are).
 */
export async function bringAgain(replica: Replica, remote: Remote): Promise<number> {
  const { objects } = replica.deps;
  if (remote.wantedObjects === undefined || remote.objects === objects || !replica.canSend) return 0;
  let brought = 0;
  for (let after: ObjectId | null = null; ;) {
    const wanted: readonly ObjectId[] = await remote.wantedObjects(replica.space, after);
    const last = wanted.at(-1);
    // Every page must take us on, or a remote could keep us asking for ever.
    if (last === undefined || (after !== null && last <= after)) return brought;
    after = last;
    const here = await objects.has(
      replica.space,
      wanted.filter((id) => replica.droppedObject(id) === null),
    );
    brought += await putSound(replica, remote, [...here]);
  }
}

/** Puts those of `ids` that are here in good order, and answers how many. Throws RemoteError. O(bytes). */
export async function putSound(
  { deps, space }: Pick<Replica, 'deps' | 'space'>,
  remote: Remote,
  ids: readonly ObjectId[],
): Promise<number> {
  let batch: SealedObject[] = [];
  let [bytes, count] = [0, 0];
  for (const id of ids) {
    const sound = (await getSound(deps.objects, space, [id])).get(id);
    if (sound === undefined) continue;
    if (batch.length > 0 && bytes + sound.length > PUT_BYTES) {
      await remote.putObjects(space, batch);
      [batch, bytes] = [[], 0];
    }
    batch.push({ id, bytes: sound });
    bytes += sound.length;
    count += 1;
  }
  if (batch.length > 0) await remote.putObjects(space, batch);
  return count;
}
