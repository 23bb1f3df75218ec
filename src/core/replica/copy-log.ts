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

/** What stands there is no part of the log here, and does not contain it. */
export class OtherHistory extends RemoteError {
  constructor() {
    super('refused', 'the remote holds another history of this space');
  }
}

type Progress = (done: number, total: number) => void;

type Source = (ids: readonly ObjectId[]) => Promise<Map<ObjectId, Uint8Array>>;

const PAGE = { records: 256, bytes: 8 * 1024 * 1024 };
const OBJECT_BATCH = 100;

/**
 * Brings a remote up to the local log, records and the objects that they name: for a move of the home remote, and
 * for a remote that fell back to an earlier point of the same history. Goes on where it was interrupted. Throws
 * {@link OtherHistory}. Objects that are not here come from `source`, by
 * default the home as this machine knows it. Where some are nowhere, the records before the first that names one are there all
 * the same, and it throws {@link ObjectsLost}; or all records are, and `leftOut` gets what is not: who has it may put it later.
 * `passes`: what may be missing, as what a prune or erase record dropped may where that record is copied too.
 * Cost: O(records missing there).
 */
export async function copyLog(
  replica: Replica,
  target: Remote,
  onProgress: Progress = () => undefined,
  source: Source = (ids) => replica.fetchObjects(ids),
  leftOut: Set<ObjectId> | null = null,
  passes: (id: ObjectId) => boolean = (id) => replica.droppedObject(id) !== null,
): Promise<void> {
  const { store } = replica.deps;
  const copy = (records: readonly LogRecord[]): Promise<ObjectId[]> => copyObjects(replica, target, records, source, leftOut, passes);
  for (;;) {
    const local = (await replica.head()) ?? EMPTY_HEAD;
    const there = (await target.head(replica.space)) ?? EMPTY_HEAD;
    onProgress(there.position + 1, local.position + 1);
    if (there.position >= local.position) {
      if (await holdsOurs(replica, target, local)) return;
      throw new OtherHistory();
    }
    if (there.position >= 0) {
      const [same] = await store.read((tx) => tx.logs.read(replica.space, there.position, { records: 1, bytes: 1 }));
      if (same?.hash !== there.hash) throw new OtherHistory();
    }
    // The genesis goes ahead by itself: a hub takes no objects of a space that it does not know yet.
    const limit = there.position < 0 ? { ...PAGE, records: 1 } : PAGE;
    let records = await readRecords(replica, there.position + 1, limit);
    let gone: readonly ObjectId[];
    try {
      gone = await copy(records);
    } catch (error) {
      if (!(error instanceof ObjectsLost)) throw error;
      const before = records.findIndex(({ header }) => header.objects.some((id) => error.ids.has(id)));
      if (before <= 0) throw error;
      records = records.slice(0, before);
      gone = await copy(records);
    }
    const outcome = await target.append(replica.space, there, { records, objects: [], gone });
    if (outcome.type === 'missing-objects') throw new RemoteError('protocol', 'the remote does not keep the objects that it was given');
    if (outcome.type === 'appended' && outcome.head.hash !== headAfter(records.at(-1) as LogRecord).hash)
      throw new RemoteError('protocol', 'the remote appended something else');
  }
}

/**
 * Brings a target whose log is the one here, since it keeps it in this very store, the objects that records from a position on name and it
 * lacks: a machine has only those of what it shows. As {@link copyLog} does otherwise. Answers the position behind them. Cost: O(records), and
 * O(bytes that are missing).
 */
export async function copyBodies(
  replica: Replica,
  target: Remote,
  from: number,
  source: Source,
  { leftOut = null, onProgress = () => undefined }: { leftOut?: Set<ObjectId> | null; onProgress?: Progress } = {},
): Promise<number> {
  for (let next = from; ;) {
    const { position } = (await replica.head()) ?? EMPTY_HEAD;
    onProgress(next, position + 1);
    const page = await readRecords(replica, next, PAGE);
    if (page.length === 0) return next;
    await copyObjects(replica, target, page, source, leftOut, (id) => replica.droppedObject(id) !== null);
    next += page.length;
  }
}

/** Throws where one is damaged. */
async function readRecords(
  replica: Replica,
  from: number,
  limit: { readonly records: number; readonly bytes: number },
): Promise<LogRecord[]> {
  const page = await replica.deps.store.read((tx) => tx.logs.read(replica.space, from, limit));
  return page.map((stored) => {
    const record = decodeRecord(stored.bytes);
    if (!record.ok) throw new Error(`record ${stored.position} in the store is damaged (${record.error})`);
    return record.value;
  });
}

/** Whether our newest record stands in the target's log, which may have gone on behind it. */
export async function holdsOurs(replica: Replica, target: Remote, local: Head): Promise<boolean> {
  const { records } = await target.read(replica.space, local.position, { records: 1, bytes: 1 });
  const record = records[0] === undefined ? null : decodeRecord(records[0]);
  return record?.ok === true && record.value.hash === local.hash;
}

/** False where bodies that the missing records name are lost with the old home, though other machines may hold them. */
export async function isCopied(replica: Replica, target: Remote): Promise<boolean> {
  return unlessLost(copyLog(replica, target));
}

/**
 * The same where the home is lost: it is asked for what is not here all the same, and nothing depends on its answer. Where not all of the log
 * comes along, prune and erase records may stay behind, so that nothing that they dropped may be missing: what lay beside it could not
 * be read any more. Cost: a look at all records that are missing there, besides.
 */
export async function isCopiedFromHere(replica: Replica, target: Remote): Promise<boolean> {
  const source = sourceWhileItAnswers(replica);
  const there = await target.head(replica.space);
  if (replica.lastDrop <= (there?.position ?? -1) || (await isAllToBeHad(replica, there ?? EMPTY_HEAD)))
    return unlessLost(copyLog(replica, target, undefined, source));
  return unlessLost(copyLog(replica, target, undefined, source, null, () => false));
}

async function unlessLost(copied: Promise<void>): Promise<boolean> {
  try {
    await copied;
    return true;
  } catch (error) {
    if (error instanceof ObjectsLost) return false;
    throw error;
  }
}

/** Whether all that records behind a position name, and nobody dropped, is here or at the home as it answers. */
async function isAllToBeHad(replica: Replica, { position }: Head): Promise<boolean> {
  const { store, objects } = replica.deps;
  for (let from = position + 1; ;) {
    const page = await store.read((tx) => tx.logs.read(replica.space, from, PAGE));
    if (page.length === 0) return true;
    from += page.length;
    const named = new Set(
      page.flatMap(({ bytes }) => {
        const record = decodeRecord(bytes);
        return record.ok ? record.value.header.objects.filter((id) => replica.droppedObject(id) === null) : [];
      }),
    );
    const here = await objects.has(replica.space, [...named]);
    const missing = [...named].filter((id) => !here.has(id));
    if (missing.length > 0 && (await hadAtHome(replica, missing)).size < missing.length) return false;
  }
}

async function hadAtHome(replica: Replica, ids: readonly ObjectId[]): Promise<ReadonlySet<ObjectId>> {
  try {
    return await replica.hasAtRemote(ids);
  } catch (error) {
    if (error instanceof RemoteError) return new Set();
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
  passes: (id: ObjectId) => boolean,
): Promise<ObjectId[]> {
  const ids = [...new Set(records.flatMap((record) => record.header.objects))];
  const gone: ObjectId[] = [];
  for (let i = 0; i < ids.length; i += OBJECT_BATCH) {
    const batch = ids.slice(i, i + OBJECT_BATCH);
    const there = await target.hasObjects(replica.space, batch);
    const missing = batch.filter((id) => !there.has(id));
    if (missing.length === 0) continue;
    const found = await objectsFor(replica, missing, source, leftOut, passes);
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
  passes: (id: ObjectId) => boolean,
): Promise<Map<ObjectId, Uint8Array>> {
  const here = await getSound(replica.deps.objects, replica.space, ids);
  const missing = ids.filter((id) => !here.has(id));
  if (missing.length === 0) return here;
  const needed = missing.some((id) => !passes(id));
  const fetched = await source(missing).catch((error: unknown) => {
    if (error instanceof RemoteError && !needed) return new Map<ObjectId, Uint8Array>();
    throw error;
  });
  for (const [id, bytes] of fetched) if (objectIdOf(bytes) === id) here.set(id, bytes);
  const lost = ids.filter((id) => !here.has(id) && !passes(id));
  if (lost.length > 0 && leftOut === null) throw new ObjectsLost(new Set(lost), await itemsWith(replica, new Set(lost)));
  for (const id of lost) leftOut?.add(id);
  return here;
}
