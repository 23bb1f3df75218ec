import type { Content } from '../content.ts';
import { openObject } from '../crypto/object-cipher.ts';
import type { ObjectId } from '../ids.ts';
import { DamagedObject } from '../ports/objects.ts';
import { RemoteError } from '../ports/remote.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { itemsWith, ofItems } from './items-with.ts';
import { liveContents, objectsOf, pinnedContents } from './live-objects.ts';
import type { Replica } from './replica.ts';
import { BodyUnavailable } from './workspace.ts';

/** How much is read: names of objects only; the bytes of current ones; the bytes and bodies of all history. */
export type VerifyDepth = 'names' | 'data' | 'full';

export interface ObjectsToVerify {
  readonly depth: VerifyDepth;
  /** Current ones must be here; of the rest of the history it is enough that the remote has them. */
  readonly contents: 'current' | 'all';
  /** Further objects that must be here. */
  readonly extra: readonly ObjectId[];
}

type Progress = (done: number, total: number, what: string) => void;

const BATCH = 500;

/** Looks for objects, and reads them where asked to. What is missing or damaged is fetched from the home remote. */
export async function verifyObjects(replica: Replica, wanted: ObjectsToVerify, onProgress: Progress) {
  const { store, objects } = replica.deps;
  const { space } = replica;
  const { must, may, drafted } = await store.read(async (tx) => {
    const required = objectsOf(await liveContents(tx, replica), replica, new Set(wanted.extra));
    const drafts = objectsOf((await pinnedContents(tx, replica)).drafts, replica);
    const only = [...drafts].filter((id) => !required.has(id));
    for (const id of only) required.add(id);
    const all = wanted.contents === 'all' ? objectsOf(await allContents(tx, replica), replica) : new Set<ObjectId>();
    const history = [...all].filter((id) => !required.has(id) && replica.droppedObject(id) === null);
    return { must: required, may: history, drafted: new Set(only) };
  });
  const ids = [...must, ...may];
  const here = await objects.has(space, ids);
  const isRead = wanted.depth !== 'names';
  const damaged = isRead ? await damagedOf(replica, [...here], onProgress) : [];
  const lacking = [...[...must].filter((id) => !here.has(id)), ...damaged];
  const { healed, asked } = await heal(replica, lacking);
  const lost = new Set(lacking.filter((id) => !healed.has(id)));
  const problems: string[] = [];
  const notes: string[] = [];
  if (lost.size > 0) {
    const which = ofItems(await itemsWith(replica, lost));
    const where = asked ? 'and the remote does not have them' : 'and the remote cannot be asked now';
    problems.push(`${lost.size} objects are missing or damaged here${which}, ${where}`);
  }
  const elsewhere = may.filter((id) => !here.has(id));
  const there = elsewhere.length === 0 ? new Set<ObjectId>() : await atRemote(replica, elsewhere);
  const gone = there === null ? 0 : elsewhere.length - there.size;
  if (there === null) notes.push(`${elsewhere.length} objects of the history are not here, and the remote cannot be asked now`);
  else if (there.size > 0) notes.push(`${there.size} objects of the history are at the remote alone: they were looked for, and not read`);
  if (gone > 0) problems.push(`${gone} objects of the history are neither here nor at the remote`);
  const sent = [...here].filter((id) => !lost.has(id) && !drafted.has(id));
  const brought = isRead ? await bringLacking(replica, sent, notes) : 0;
  return { objects: ids.length, read: isRead ? here.size : 0, healed: healed.size, brought, lost: lost.size + gone, problems, notes };
}

/** Puts at the home remote what it lacks of objects that are here in good order. */
async function bringLacking(replica: Replica, ids: readonly ObjectId[], notes: string[]): Promise<number> {
  const there = replica.keepsRemote || !replica.canSend ? null : await atRemote(replica, ids);
  if (there === null) return 0;
  const lacking = ids.filter((id) => !there.has(id));
  try {
    return await replica.putAtRemote(lacking);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    notes.push(`the remote lacks ${lacking.length} objects, and does not take them now: ${error.message}`);
    return 0;
  }
}

/** Every body of the history whose objects are here, against its digest. O(bytes). */
export async function verifyBodies(replica: Replica, onProgress: Progress): Promise<string[]> {
  const contents = await replica.deps.store.read((tx) => allContents(tx, replica));
  const distinct = [...new Map(contents.map((content) => [content.digest, content])).values()];
  const problems: string[] = [];
  for (const [index, content] of distinct.entries()) {
    onProgress(index, distinct.length, 'bodies');
    const needed = [...objectsOf([content], replica)];
    if ((await replica.deps.objects.has(replica.space, needed)).size < needed.length) continue;
    try {
      await replica.bodies.read(content);
    } catch (error) {
      if (error instanceof DamagedObject) continue; // named with the objects
      if (!(error instanceof BodyUnavailable)) throw error;
      if (error.reason === 'damaged') problems.push(`a body of ${content.size} bytes is not what its author signed: ${error.message}`);
    }
  }
  return problems;
}

async function damagedOf(replica: Replica, ids: readonly ObjectId[], onProgress: Progress): Promise<ObjectId[]> {
  const { objects, compression } = replica.deps;
  const damaged: ObjectId[] = [];
  for (const [index, id] of ids.entries()) {
    onProgress(index, ids.length, 'objects read');
    try {
      const bytes = (await objects.get(replica.space, [id])).get(id);
      if (bytes === undefined) continue; // deleted meanwhile
      const opened = await openObject({ id, bytes }, replica.space, replica.keys, compression);
      if (!opened.ok && opened.error.type === 'damaged') damaged.push(id);
    } catch (error) {
      if (!(error instanceof DamagedObject)) throw error;
      damaged.push(id);
    }
  }
  return damaged;
}

/** Puts back what the home remote has in good order. */
async function heal(replica: Replica, ids: readonly ObjectId[]): Promise<{ healed: Set<ObjectId>; asked: boolean }> {
  const { objects, compression } = replica.deps;
  const healed = new Set<ObjectId>();
  try {
    for (let at = 0; at < ids.length; at += BATCH) {
      for (const [id, bytes] of await replica.fetchObjects(ids.slice(at, at + BATCH))) {
        const opened = await openObject({ id, bytes }, replica.space, replica.keys, compression);
        if (!opened.ok) continue;
        await objects.put(replica.space, [{ id, bytes }]);
        healed.add(id);
      }
    }
    return { healed, asked: true };
  } catch (error) {
    if (error instanceof RemoteError) return { healed, asked: error.type === 'protocol' };
    throw error;
  }
}

async function atRemote(replica: Replica, ids: readonly ObjectId[]): Promise<Set<ObjectId> | null> {
  try {
    return await replica.hasAtRemote(ids);
  } catch (error) {
    if (error instanceof RemoteError) return null;
    throw error;
  }
}

async function allContents(tx: StoreTransaction, replica: Replica): Promise<Content[]> {
  const contents: Content[] = [];
  let before: number | undefined;
  for (;;) {
    const page = await tx.items.historyByPosition(replica.space, { ...(before === undefined ? {} : { before }), limit: 2_000 });
    for (const { content } of page) if (content !== null) contents.push(content);
    const last = page.at(-1);
    if (last === undefined) return contents;
    before = last.position;
  }
}
