import { sealCommitBody } from '../crypto/object-cipher.ts';
import type { ObjectId, RecordHash } from '../ids.ts';
import { encodeCommit, objectsNamed, piecesNamed } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import { EMPTY_HEAD, encodeRecord, headAfter, sealRecord, type Head, type LogRecord } from '../log/record.ts';
import { RemoteError, type Remote } from '../ports/remote.ts';
import { toStored, type Divergence } from './chain.ts';
import { eraseAgain } from './erase-again.ts';
import { followMove } from './follow-move.ts';
import { landAgain } from './land-again.ts';
import { obeyDrops } from './prune-obey.ts';
import { acceptRecords, pull } from './pull.ts';
import type { Replica } from './replica.ts';
import { createUpload } from './upload.ts';

export interface SyncReport {
  readonly pulled: number;
  readonly pushed: number;
  readonly divergence: Divergence | null;
  /** A move of the home remote was read: nothing is sent before the caller has looked where the home is now. */
  readonly moved: boolean;
}

/** What a remote takes at once is 8 MiB of records (core/ports/remote.ts). */
const SEGMENT = { drafts: 64, recordBytes: 7 * 1024 * 1024, objectBytes: 16 * 1024 * 1024 };
const MOVES_AT_ONCE = 8;
/** So often in a row a remote may say that its log moved on without showing a record of it. */
const EMPTY_MOVES = 3;

/**
 * Pulls, rebases and pushes until nothing is left to send. Throws {@link RemoteError}; what was acknowledged stays.
 * Safe to repeat after anything. `isCurrent`: the remote's log was seen to end where ours does, and nothing else was heard
 * since, so that drafts are sent without asking first. Where that is wrong, they lose a race. `heard`: the head that the
 * remote told of, and all that this is for: what came along with it is read without asking.
 */
export async function syncWith(
  replica: Replica,
  remote: Remote,
  onProgress: (done: number, total: number) => void = () => undefined,
  isCurrent = false,
  heard: Head | null = null,
): Promise<SyncReport> {
  const term = replica.term;
  const sent = isCurrent && replica.drafts.length > 0 && replica.canSend ? await send(replica, remote, onProgress) : null;
  if (sent !== null && sent.divergence === null) return { ...sent, moved: (replica.term ?? 0) !== (term ?? 0) };
  const pulled = await readFrom(replica, remote, onProgress, heard);
  const moved = (): boolean => (replica.term ?? 0) !== (term ?? 0);
  if (pulled.divergence !== null || replica.stop !== null || moved()) return { ...pulled, pushed: 0, moved: moved() };
  const pushed = await send(replica, remote, onProgress);
  return { pulled: pulled.pulled + pushed.pulled, pushed: pushed.pushed, divergence: pushed.divergence, moved: moved() };
}

/** Pulls, and where a move of the home remote explains why the logs part, follows it: each round one at most. Sends nothing. Throws RemoteError. */
export async function readFrom(
  replica: Replica,
  remote: Remote,
  onProgress: (done: number, total: number) => void = () => undefined,
  heard: Head | null = null,
): ReturnType<typeof pull> {
  let pulled = await pull(replica, remote, onProgress, heard);
  for (let round = 0; pulled.divergence !== null && round < MOVES_AT_ONCE; round++) {
    if (!(await followMove(replica, remote, pulled.divergence))) break;
    pulled = await pull(replica, remote);
    // Before anything is put in place: of what fell, earlier versions stand here for now.
    if (pulled.divergence === null) await landAgain(replica);
  }
  return pulled;
}

/** What fell back lands again, what was dropped is deleted, and then all drafts go. */
async function send(replica: Replica, remote: Remote, onProgress: (done: number, total: number) => void): ReturnType<typeof push> {
  await landAgain(replica);
  await eraseAgain(replica, remote);
  await obeyDrops(replica, remote);
  return push(replica, remote, onProgress);
}

/**
 * Sends drafts, oldest first, several as one segment. On a lost race it rebases and goes on, unless what it read
 * meanwhile moves the home remote.
 */
export async function push(
  replica: Replica,
  remote: Remote,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<{ readonly pulled: number; readonly pushed: number; readonly divergence: Divergence | null }> {
  if (replica.drafts.length === 0 || !replica.canSend) return { pulled: 0, pushed: 0, divergence: null };
  let [pulled, pushed, emptyMoves] = [0, 0, 0];
  const upload = createUpload(replica, remote);
  const term = replica.term;
  while (replica.drafts.length > 0 && replica.canSend && replica.term === term) {
    const segment = await replica.exclusive(() => prepareSegment(replica));
    if (segment === null || replica.term !== term) continue;
    onProgress(pushed, pushed + replica.drafts.length);
    const along = await upload.bring(segment.objects.filter((id) => !segment.named.has(id)));
    // While the records are on their way and replayed, the bodies of the next ones go ahead.
    upload.ahead(objectsOf(segmentOf(replica.drafts.slice(segment.records.length)), replica.keyId));
    let outcome = await remote.append(replica.space, segment.head, { records: segment.records, objects: along });
    if (outcome.type === 'missing-objects') {
      const asked = new Set(outcome.ids);
      await upload.put(segment.objects.filter((id) => asked.has(id)));
      outcome = await remote.append(replica.space, segment.head, { records: segment.records, objects: along });
    }
    if (outcome.type === 'missing-objects') throw new RemoteError('protocol', 'the remote does not keep the objects that it was given');
    if (outcome.type === 'appended') {
      await acceptOwn(replica, segment);
      pushed += segment.records.length;
      continue;
    }
    const divergence = outcome.missing.length > 0 ? await acceptRecords(replica, outcome.missing, segment.head) : null;
    if (divergence !== null) return { pulled, pushed, divergence };
    pulled += outcome.missing.length;
    const local = (await replica.head()) ?? EMPTY_HEAD;
    // Whoever lost a race tries again at once: another question first would lose the next one too.
    if (outcome.missing.length > 0 && outcome.head?.hash === local.hash) continue;
    const rest = await pull(replica, remote);
    pulled += rest.pulled;
    if (rest.divergence !== null) return { pulled, pushed, divergence: rest.divergence };
    emptyMoves = (await replica.head())?.hash === segment.head.hash ? emptyMoves + 1 : 0;
    if (emptyMoves === EMPTY_MOVES) throw new RemoteError('protocol', 'the remote says that its log moved on, and shows no such record');
  }
  await replica.catchUp(); // what was read last may have moved the home, and the drafts wait for it
  onProgress(pushed, pushed);
  return { pulled, pushed, divergence: null };
}

interface PreparedSegment {
  readonly head: Head;
  readonly records: readonly LogRecord[];
  readonly known: ReadonlyMap<RecordHash, Commit>;
  readonly objects: readonly ObjectId[];
  /** Of these, or others: what the log names already. The remote has them, or says which it lacks. */
  readonly named: ReadonlySet<ObjectId>;
}

/** Signs the next drafts behind the local head; `null` where none is left by now. Runs inside the replica's queue. */
async function prepareSegment(replica: Replica): Promise<PreparedSegment | null> {
  await replica.settle();
  if (replica.drafts.length === 0 || !replica.canSend) return null;
  await replica.renameUsedDrafts(SEGMENT.drafts);
  await replica.resealDrafts(SEGMENT.drafts);
  const { keys, keyId, space, deps } = replica;
  const head = (await replica.head()) ?? EMPTY_HEAD;
  const records: LogRecord[] = [];
  const known = new Map<RecordHash, Commit>();
  const objects = new Set<ObjectId>();
  const drafts = segmentOf(replica.drafts);
  let [previous, recordBytes] = [head, 0];
  for (const draft of drafts) {
    const header = { objects: objectsOf([draft], keyId), keyId };
    const binding = { space, keyId, signer: replica.machine, commit: draft.id };
    const body = await sealCommitBody(encodeCommit(draft, header), binding, keys, deps.compression, deps.random);
    const record = sealRecord(
      {
        type: 'commit',
        space,
        id: draft.id,
        position: previous.position + 1,
        previous: previous.hash,
        term: previous.term,
        keyId,
        objects: header.objects,
        previousControl: null,
      },
      body,
      deps.machine.key,
    );
    recordBytes += encodeRecord(record).length;
    if (records.length > 0 && recordBytes > SEGMENT.recordBytes) break;
    records.push(record);
    known.set(record.hash, draft);
    for (const id of header.objects) objects.add(id);
    previous = headAfter(record);
  }
  return { head, records, known, objects: [...objects], named: await namedBefore(replica, drafts) };
}

/** The objects of what the log says that items are which drafts write anew: of a large body that was edited most stay. O(their pieces). */
async function namedBefore({ deps, space }: Replica, drafts: readonly Commit[]): Promise<ReadonlySet<ObjectId>> {
  const edits = drafts.flatMap(({ changes }) => changes).filter((change) => change.type === 'put' && change.base !== null);
  const items = edits.filter((change) => piecesNamed(change).length > 1).map(({ item }) => item);
  if (items.length === 0) return new Set();
  const states = await deps.store.read((tx) => tx.items.get(space, items));
  return new Set([...states.values()].flatMap(({ content }) => content?.pieces ?? []).map(({ object }) => object));
}

/** The first drafts, as many as one segment takes. */
function segmentOf(drafts: readonly Commit[]): Commit[] {
  const taken: Commit[] = [];
  let bytes = 0;
  for (const draft of drafts.slice(0, SEGMENT.drafts)) {
    taken.push(draft);
    bytes += draft.changes.flatMap(piecesNamed).reduce((sum, piece) => sum + piece.length, 0);
    if (bytes > SEGMENT.objectBytes) break;
  }
  return taken;
}

/** The objects that drafts name and that are under the key of this epoch. */
function objectsOf(drafts: readonly Commit[], keyId: number): ObjectId[] {
  return [...new Set(drafts.flatMap((draft) => namedUnder(draft, keyId)))];
}

function namedUnder({ changes }: Commit, keyId: number): ObjectId[] {
  const ofEpoch = new Set(changes.flatMap(piecesNamed).flatMap((piece) => (piece.keyId === keyId ? [piece.object] : [])));
  return objectsNamed(changes).filter((id) => ofEpoch.has(id));
}

/** Our own records were accepted: they join the local log (unless this store is the remote's) and are replayed. */
async function acceptOwn(replica: Replica, segment: PreparedSegment): Promise<void> {
  const rows = segment.records.map((record) => toStored(record));
  const now = (await replica.head()) ?? EMPTY_HEAD;
  const fresh = now.hash === segment.head.hash ? { after: segment.head, records: segment.records, rows } : null;
  const { voids } = await replica.catchUp(segment.known, fresh);
  const first = voids.find(({ position }) => rows.some((row) => row.position === position));
  // It was judged behind this very head: sending it again and again would not help.
  if (first !== undefined) throw new Error(`a record made here is void: ${first.reason}`);
}
