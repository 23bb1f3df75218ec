import { contentsOf } from '../change.ts';
import type { Content } from '../content.ts';
import { openObject, type SealedObject } from '../crypto/object-cipher.ts';
import type { ObjectId } from '../ids.ts';
import { isOwner } from '../log/membership.ts';
import { getSound } from '../ports/objects.ts';
import type { Remote } from '../ports/remote.ts';
import { appendControl } from './administer.ts';
import { FALLEN_ERASURES, type FallenErasure } from './fallen-erasures.ts';
import type { Replica } from './replica.ts';
import { sealText } from './sealed-text.ts';

/**
 * Erases again what was erased by records that fell: nothing of it stands in the log that goes on, but machines that heard of nothing
 * since would bring it. What the log or a draft of this machine names at present waits until it does not. Throws NotAllowed, RemoteError.
 * Nothing where nothing fell. What only waits costs O(items) and asks nothing of the remote; else O(bytes of what stands in the place of others), besides.
 */
export async function eraseAgain(replica: Replica, remote: Remote): Promise<void> {
  const fallen = await replica.notes.fallenErasures();
  if (fallen.length === 0 || !replica.canSend || !isOwner(replica.membership, replica.machine)) return;
  let left: FallenErasure[] = [];
  for (const erasure of fallen) {
    const { objects: due, later, kept } = await partErasure(replica, erasure);
    if (kept > 0)
      replica.deps.log('what was forgotten is not erased again where it shares bytes with others', {
        space: replica.space,
        objects: kept,
      });
    if (due.length === 0) {
      if (later !== null) left = [...left, later];
      continue;
    }
    let waiting = later;
    await appendControl(replica, remote, async () => {
      const parted = await partErasure(replica, erasure);
      const { objects, replaced, standIns } = parted;
      waiting = parted.later;
      if (objects.length === 0) return null;
      await remote.putObjects(replica.space, standIns);
      const { space, keyId, keys, deps } = replica;
      return { op: 'erase', objects, replaced, sealedReason: await sealText(erasure.reason ?? '', space, keyId, keys, deps) };
    });
    if (waiting !== null) left = [...left, waiting];
  }
  if (left.length === fallen.length && left.every((one, index) => sizeOf(one) === sizeOf(fallen[index]))) return;
  const { store } = replica.deps;
  await store.write((tx) =>
    left.length === 0 ? tx.documents.remove(FALLEN_ERASURES, replica.space) : tx.documents.put(FALLEN_ERASURES, replica.space, left),
  );
}

const sizeOf = (erasure: FallenErasure | undefined) => (erasure === undefined ? 0 : erasure.objects.length + erasure.replaced.length);

interface PartedErasure {
  readonly objects: readonly ObjectId[];
  readonly replaced: FallenErasure['replaced'];
  readonly standIns: readonly SealedObject[];
  /** Objects from which something was cut and whose rest is not here: they are kept, and with them what was cut. */
  readonly kept: number;
  /** What is in use, and has to wait; `null`: nothing. */
  readonly later: FallenErasure | null;
}

/** What can be erased by now of what fell. Objects from which something was cut, and of which the rest cannot be read here, stay. */
async function partErasure(replica: Replica, { objects, replaced, reason }: FallenErasure): Promise<PartedErasure> {
  const inUse = await namedNow(replica);
  const due = new Set(objects.filter((id) => replica.droppedObject(id) === null && !inUse.has(id)));
  const standIns = await readableHere(
    replica,
    replaced.map(({ to }) => to),
  );
  const whole = new Set(replaced.map(({ from }) => from));
  const pairs = replaced.filter(({ from, to }) => standIns.has(to) && !inUse.has(from) && replica.droppedObject(from) === null);
  const replacedNow = new Set(pairs.map(({ from }) => from));
  const waiting = objects.filter((id) => inUse.has(id) && replica.droppedObject(id) === null);
  const kept = replaced.filter(({ from, to }) => !standIns.has(to) && !inUse.has(from) && replica.droppedObject(from) === null);
  const waitingPairs = replaced.filter(({ from }) => inUse.has(from) && replica.droppedObject(from) === null);
  return {
    objects: [...new Set([...[...due].filter((id) => !whole.has(id)), ...replacedNow])],
    replaced: pairs,
    standIns: [...new Set(pairs.map(({ to }) => to))].map((id) => ({ id, bytes: standIns.get(id) as Uint8Array })),
    kept: kept.length,
    later: waiting.length + waitingPairs.length === 0 ? null : { objects: waiting, replaced: waitingPairs, reason },
  };
}

/** Objects that the space holds as current, and those that drafts name. O(items). */
async function namedNow(replica: Replica): Promise<ReadonlySet<ObjectId>> {
  const current: (Content | null)[] = [...(await replica.list()), ...(await replica.siblings())].map(({ content }) => content);
  const drafted = replica.drafts.flatMap(({ changes }) => changes).flatMap(contentsOf);
  return new Set(
    [...current.filter((content) => content !== null), ...drafted].flatMap(({ pieces }) => pieces.map(({ object }) => object)),
  );
}

/** Those objects that are here and open with the keys of the log as it is: a later epoch may have fallen. O(bytes). */
async function readableHere({ deps, space, keys }: Replica, ids: readonly ObjectId[]): Promise<ReadonlyMap<ObjectId, Uint8Array>> {
  const found = await getSound(deps.objects, space, [...new Set(ids)]);
  const readable = new Map<ObjectId, Uint8Array>();
  for (const [id, bytes] of found) if ((await openObject({ id, bytes }, space, keys, deps.compression)).ok) readable.set(id, bytes);
  return readable;
}
