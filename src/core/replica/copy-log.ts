import { objectIdOf } from '../crypto/object-id.ts';
import type { ObjectId } from '../ids.ts';
import { decodeRecord, EMPTY_HEAD, headAfter, type Head, type LogRecord } from '../log/record.ts';
import { getSound } from '../ports/objects.ts';
import { RemoteError, type Remote } from '../ports/remote.ts';
import { itemsWith, ofItems } from './items-with.ts';
import type { Replica } from './replica.ts';

/** Objects that records name are neither here nor at the present home: the records cannot be copied by this machine. */
export class ObjectsLost extends RemoteError {
  readonly ids: ReadonlySet<ObjectId>;
  constructor(ids: ReadonlySet<ObjectId>, items: readonly string[]) {
    const count = ids.size;
    const bodies = count === 1 ? 'an encrypted body' : `${count} encrypted bodies`;
    super(
      'refused',
      `${bodies} that the log names${items.length === 0 ? '' : `${ofItems(items)},`} ${count === 1 ? 'is' : 'are'} neither here nor at its present home`,
    );
    this.ids = ids;
  }
}

type Source = (ids: readonly ObjectId[]) => Promise<Map<ObjectId, Uint8Array>>;

const PAGE = { records: 256, bytes: 8 * 1024 * 1024 };
const OBJECT_BATCH = 100;

/**
 * Brings a remote up to the local log, records and the objects that they name: for a move of the home remote, and
 * for a remote that fell back to an earlier point of the same history. Goes on where it was interrupted. Throws
 * RemoteError `refused` where the remote holds another history. Objects that are not here come from `source`, by
 * default the home as this machine knows it. Where some are nowhere, the records before the first that names one are there all
 * the same, and it throws {@link ObjectsLost}; or all records are, and `leftOut` gets what is not: who has it may put it later.
 * Cost: O(records missing there).
 */
export async function copyLog(
  replica: Replica,
  target: Remote,
  onProgress: (done: number, total: number) => void = () => undefined,
  source: Source = (ids) => replica.fetchObjects(ids),
  leftOut: Set<ObjectId> | null = null,
): Promise<void> {
  const { store } = replica.deps;
  for (;;) {
    const local = (await replica.head()) ?? EMPTY_HEAD;
    const there = (await target.head(replica.space)) ?? EMPTY_HEAD;
    onProgress(there.position + 1, local.position + 1);
    if (there.position >= local.position) {
      if (await holdsOurs(replica, target, local)) return;
      throw new RemoteError('refused', 'the remote holds another history of this space');
    }
    if (there.position >= 0) {
      const [same] = await store.read((tx) => tx.logs.read(replica.space, there.position, { records: 1, bytes: 1 }));
      if (same?.hash !== there.hash) throw new RemoteError('refused', 'the remote holds another history of this space');
    }
    // The genesis goes ahead by itself: a hub takes no objects of a space that it does not know yet.
    const limit = there.position < 0 ? { ...PAGE, records: 1 } : PAGE;
    const page = await store.read((tx) => tx.logs.read(replica.space, there.position + 1, limit));
    let records = page.map((stored) => {
      const record = decodeRecord(stored.bytes);
      if (!record.ok) throw new Error(`record ${stored.position} in the store is damaged (${record.error})`);
      return record.value;
    });
    let gone: readonly ObjectId[];
    try {
      gone = await copyObjects(replica, target, records, source, leftOut);
    } catch (error) {
      if (!(error instanceof ObjectsLost)) throw error;
      const before = records.findIndex(({ header }) => header.objects.some((id) => error.ids.has(id)));
      if (before <= 0) throw error;
      records = records.slice(0, before);
      gone = await copyObjects(replica, target, records, source, leftOut);
    }
    const outcome = await target.append(replica.space, there, { records, objects: [], gone });
    if (outcome.type === 'missing-objects') throw new RemoteError('protocol', 'the remote does not keep the objects that it was given');
    if (outcome.type === 'appended' && outcome.head.hash !== headAfter(records.at(-1) as LogRecord).hash)
      throw new RemoteError('protocol', 'the remote appended something else');
  }
}

/** Whether our newest record stands in the target's log, which may have gone on behind it. */
async function holdsOurs(replica: Replica, target: Remote, local: Head): Promise<boolean> {
  const { records } = await target.read(replica.space, local.position, { records: 1, bytes: 1 });
  const record = records[0] === undefined ? null : decodeRecord(records[0]);
  return record?.ok === true && record.value.hash === local.hash;
}

/**
 * False where bodies that the missing records name are lost with the old home, though other machines may hold them. `isHomeLost`: the
 * home is asked for what is not here all the same, and nothing depends on its answer.
 */
export async function isCopied(replica: Replica, target: Remote, isHomeLost = false): Promise<boolean> {
  try {
    await copyLog(replica, target, undefined, isHomeLost ? sourceWhileItAnswers(replica) : undefined);
    return true;
  } catch (error) {
    if (error instanceof ObjectsLost) return false;
    throw error;
  }
}

/** The present home, until it fails once. */
export function sourceWhileItAnswers(replica: Replica): Source {
  let hasFailed = false;
  return async (ids) => {
    if (hasFailed) return new Map();
    try {
      return await replica.fetchObjects(ids);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      hasFailed = true;
      return new Map();
    }
  };
}

/** Those not here are asked of the present home first. Answers the ones that a prune or an erase record dropped. */
async function copyObjects(
  replica: Replica,
  target: Remote,
  records: readonly LogRecord[],
  source: Source,
  leftOut: Set<ObjectId> | null,
): Promise<ObjectId[]> {
  const ids = [...new Set(records.flatMap((record) => record.header.objects))];
  const gone: ObjectId[] = [];
  for (let i = 0; i < ids.length; i += OBJECT_BATCH) {
    const batch = ids.slice(i, i + OBJECT_BATCH);
    const there = await target.hasObjects(replica.space, batch);
    const missing = batch.filter((id) => !there.has(id));
    if (missing.length === 0) continue;
    const found = await objectsFor(replica, missing, source, leftOut);
    gone.push(...missing.filter((id) => !found.has(id)));
    let sending: { id: ObjectId; bytes: Uint8Array }[] = [];
    let bytes = 0;
    for (const [id, object] of found) {
      if (bytes + object.length > 4 * 1024 * 1024 && sending.length > 0) {
        await target.putObjects(replica.space, sending);
        [sending, bytes] = [[], 0];
      }
      sending.push({ id, bytes: object });
      bytes += object.length;
    }
    if (sending.length > 0) await target.putObjects(replica.space, sending);
  }
  return gone;
}

async function objectsFor(
  replica: Replica,
  ids: readonly ObjectId[],
  source: Source,
  leftOut: Set<ObjectId> | null,
): Promise<Map<ObjectId, Uint8Array>> {
  const here = await getSound(replica.deps.objects, replica.space, ids);
  const missing = ids.filter((id) => !here.has(id));
  if (missing.length === 0) return here;
  const needed = missing.some((id) => replica.droppedObject(id) === null);
  const fetched = await source(missing).catch((error: unknown) => {
    if (error instanceof RemoteError && !needed) return new Map<ObjectId, Uint8Array>();
    throw error;
  });
  for (const [id, bytes] of fetched) if (objectIdOf(bytes) === id) here.set(id, bytes);
  const lost = ids.filter((id) => !here.has(id) && replica.droppedObject(id) === null);
  if (lost.length > 0 && leftOut === null) throw new ObjectsLost(new Set(lost), await itemsWith(replica, new Set(lost)));
  for (const id of lost) leftOut?.add(id);
  return here;
}
