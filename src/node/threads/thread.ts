import { parentPort, type TransferListItem } from 'node:worker_threads';
import { openObject, sealBundle } from '../../core/crypto/object-cipher.ts';
import { sealChunks } from '../../core/crypto/seal-chunks.ts';
import { sha256 } from '../../core/crypto/hash.ts';
import type { EpochKeys, SpaceKeys } from '../../core/crypto/space-keys.ts';
import type { ObjectId } from '../../core/ids.ts';
import type { FileProblem } from '../../core/ports/files.ts';
import { ok, type Result } from '../../core/result.ts';
import type { AheadRead } from '../../sources/files/file-threads.ts';
import type { Place } from '../../sources/files/node-place.ts';
import { readTreeFile } from '../../sources/files/node-read.ts';
import type { Writing } from '../../sources/files/node-write.ts';
import { createSyncTogether } from '../../sources/files/sync-together.ts';
import { writeTogether } from '../../sources/files/write-together.ts';
import { createZstd } from '../../store/zstd.ts';
import { createSystemClock, createSystemRandom } from '../system.ts';
import { piecesOf, slabOf } from './slab.ts';
import type { AnswerMessage, AnswerOf, TaskMessage, TaskOf, Tasks, TaskType } from './tasks.ts';

/** What each of the threads of thread-pool.ts runs. */
const compression = createZstd();
const random = createSystemRandom();
const SHARED_BYTES = 256 * 1024;
const clock = createSystemClock();
const disk = createSyncTogether(clock);

interface Answered<T extends TaskType> {
  readonly answer: AnswerOf<T>;
  /** Bytes that are handed over. */
  readonly own?: readonly Uint8Array[];
}

const answers: { readonly [T in TaskType]: (task: TaskOf<T>) => Promise<Answered<T>> } = {
  async chunks({ bodies, space, keyId, gear, epoch }) {
    const keys = keysOf(new Map([[keyId, epoch]]), gear);
    const all = await Promise.all(piecesOf(bodies).map((body) => sealChunks(body, space, keyId, keys, compression)));
    const chunks = all.map((each) => each.map(({ object, length }) => ({ id: object.id, length })));
    const sealed = slabOf(all.flatMap((each) => each.map(({ object }) => object.bytes)));
    return { answer: { chunks, sealed }, own: [sealed.bytes] };
  },
  async bundle({ plain, binding, epoch, salt, effort }) {
    const keys = keysOf(new Map([[binding.keyId, epoch]]));
    const object = await sealBundle(plain, binding, keys, compression, { bytes: () => salt }, effort);
    const bytes = ownBytes(object.bytes);
    return { answer: { id: object.id, bytes }, own: [bytes] };
  },
  async open({ ids, sealed, space, epochs }) {
    const keys = keysOf(epochs);
    const objects = piecesOf(sealed).map((bytes, index) => ({ id: ids[index] as ObjectId, bytes }));
    const results = await Promise.all(objects.map((object) => openObject(object, space, keys, compression)));
    const opened = slabOf(results.map((each) => (each.ok ? each.value : new Uint8Array(0))));
    return { answer: { errors: results.map((each) => (each.ok ? null : each.error)), opened }, own: [opened.bytes] };
  },
  async write({ place, bodies, files }) {
    const on: Writing = { place, random, dirty: new Set() };
    const pieces = piecesOf(bodies);
    const writes = files.map(({ path, options }, index) => ({ path, body: pieces[index] as Uint8Array, options }));
    return { answer: { written: await writeTogether(on, writes, disk), dirty: on.dirty } };
  },
  async rows(task) {
    // The other threads do without it.
    const { answerRows } = await import('./answer-rows.ts');
    return { answer: await answerRows(task) };
  },
  async pages(task) {
    const { answerPages } = await import('./answer-rows.ts');
    const answer = await answerPages(task);
    return { answer, own: answer?.bodies == null ? [] : [answer.bodies.bytes, answer.bodies.sha256] };
  },
  async index(task) {
    const { answerIndex } = await import('./answer-index.ts');
    return { answer: await answerIndex(task) };
  },
  async read({ place, paths }) {
    const read = await Promise.all(paths.map((path) => readWhole(place, path)));
    const small = slabOf(read.flatMap((each) => (each.ok && isSmall(each.value.bytes) ? [each.value.bytes] : [])));
    const files = read.map((each) => (each.ok && isSmall(each.value.bytes) ? ok({ ...each.value, bytes: null }) : each));
    return { answer: { files, small }, own: [small.bytes] };
  },
};

parentPort?.on('message', (message: TaskMessage) => {
  void answer(message).then(({ reply, transfer }) => parentPort?.postMessage(reply, transfer));
});

async function answer<T extends TaskType>(message: TaskMessage<T>): Promise<{ reply: AnswerMessage; transfer: TransferListItem[] }> {
  const { number, type, task } = message;
  try {
    const { answer: found, own = [] } = await (answers[type] as (task: Tasks[T]['task']) => Promise<Answered<T>>)(task);
    return { reply: { number, answer: found }, transfer: own.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : [])) };
  } catch (error) {
    return { reply: { number, problem: error instanceof Error ? error.message : String(error) }, transfer: [] };
  }
}

async function readWhole(place: Place, path: string): Promise<Result<AheadRead, FileProblem>> {
  const readAt = clock.now();
  const read = await readTreeFile(place, path, 0, allocate);
  if (!read.ok) return read;
  const { bytes, stat } = read.value;
  return ok({ bytes, stat, sha256: sha256(bytes), readAt });
}

function isSmall(bytes: Uint8Array): boolean {
  return bytes.length < SHARED_BYTES;
}

function keysOf(epochs: ReadonlyMap<number, EpochKeys>, gear: Uint32Array = new Uint32Array(0)): SpaceKeys {
  // Neither chunks nor bundles need the digest key.
  return { digestKey: new Uint8Array(0), gear, epoch: (id) => epochs.get(id) };
}

/** Large bodies go on to another thread, which is not to copy them. */
function allocate(length: number): Buffer {
  return length < SHARED_BYTES ? Buffer.allocUnsafe(length) : Buffer.from(new SharedArrayBuffer(length));
}

/** Bytes that share their memory with nothing, so that they can be handed over. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}
