import type { SealedObject } from '../crypto/object-cipher.ts';
import type { ObjectId } from '../ids.ts';
import type { Remote } from '../ports/remote.ts';
import type { Replica } from './replica.ts';

/** The objects of one push on their way to the remote. */
export interface Upload {
  /** Sees to it that the remote has them, or returns those that are to travel with their records. Throws RemoteError. */
  bring(ids: readonly ObjectId[]): Promise<SealedObject[]>;
  /** Begins to send what is needed soon. Never throws: what fails is sent again when it is brought. */
  ahead(ids: readonly ObjectId[]): void;
  /** Sends them, whatever the remote said it has. Throws RemoteError. */
  put(ids: readonly ObjectId[]): Promise<void>;
}

/** Objects up to this much in all travel with their records, in one round trip. */
const ALONG = { bytes: 1024 * 1024, objects: 64 };
const PUT_BYTES = 4 * 1024 * 1024;
const PARALLEL_PUTS = 4;
const READ_AT_ONCE = 16;

/** Cost: O(bytes that the remote lacks), a question for every few thousand ids; about 20 MiB in memory. */
export function createUpload(replica: Replica, remote: Remote): Upload {
  /** Known to be at the remote. */
  const there = new Set<ObjectId>();
  let underway: Promise<void> = Promise.resolve();

  /** What is stored here is there. */
  const isHere = remote.objects !== undefined && remote.objects === replica.deps.objects;

  /** Those that are here: what a draft goes on from may be at the remote alone. */
  const readHere = (ids: readonly ObjectId[]): Promise<SealedObject[]> => replica.bodies.toSend(ids);

  async function read(ids: readonly ObjectId[]): Promise<SealedObject[]> {
    const objects = await readHere(ids);
    const here = new Set(objects.map(({ id }) => id));
    const lost = ids.find((id) => !here.has(id));
    if (lost !== undefined) throw new Error(`object ${lost} of a draft is missing from the store; run: satchel store verify`);
    return objects;
  }

  async function send(ids: readonly ObjectId[]): Promise<void> {
    const found = await remote.hasObjects(replica.space, ids);
    for (const id of found) there.add(id);
    await put(ids.filter((id) => !found.has(id)));
  }

  async function put(ids: readonly ObjectId[]): Promise<void> {
    const sending = new Set<Promise<void>>();
    const sendBatch = async (batch: readonly SealedObject[]): Promise<void> => {
      const sent = remote
        .putObjects(replica.space, batch)
        .then(() => batch.forEach(({ id }) => there.add(id)))
        .finally(() => sending.delete(sent));
      sent.catch(() => undefined); // the first failure is thrown by the race; the others say the same
      sending.add(sent);
      if (sending.size >= PARALLEL_PUTS) await Promise.race(sending);
    };
    let batch: SealedObject[] = [];
    let bytes = 0;
    for (let at = 0; at < ids.length; at += READ_AT_ONCE) {
      for (const object of await read(ids.slice(at, at + READ_AT_ONCE))) {
        if (batch.length > 0 && bytes + object.bytes.length > PUT_BYTES) {
          await sendBatch(batch);
          [batch, bytes] = [[], 0];
        }
        batch.push(object);
        bytes += object.bytes.length;
      }
    }
    if (batch.length > 0) await sendBatch(batch);
    await Promise.all(sending);
  }

  const missing = (ids: readonly ObjectId[]): ObjectId[] => ids.filter((id) => !there.has(id));

  return {
    put,
    async bring(ids) {
      await underway;
      const needed = missing(ids);
      if (needed.length === 0) return [];
      // For those who listen to it, as far as that costs nothing.
      if (isHere) return replica.bodies.justSealed(needed.slice(0, ALONG.objects));
      if (needed.length <= ALONG.objects) {
        const objects = await readHere(needed);
        if (objects.reduce((sum, { bytes }) => sum + bytes.length, 0) <= ALONG.bytes) return objects;
      }
      await send(needed);
      return [];
    },
    ahead(ids) {
      const needed = isHere ? [] : missing(ids);
      if (needed.length > 0) underway = send(needed).catch(() => undefined);
    },
  };
}
