import { objectKeyId, openObject, sealBundle } from '../../core/crypto/object-cipher.ts';
import { sealChunks } from '../../core/crypto/seal-chunks.ts';
import { rememberObjectId } from '../../core/crypto/object-id.ts';
import type { EpochKeys, SpaceKeys } from '../../core/crypto/space-keys.ts';
import type { SpaceId } from '../../core/ids.ts';
import type { Compression } from '../../core/ports/compression.ts';
import type { Random } from '../../core/ports/random.ts';
import type { SealedChunk, Sealing } from '../../core/ports/sealing.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import { fail, ok } from '../../core/result.ts';
import { inOneTurn } from './one-turn.ts';
import { piecesOf, slabOf, type Slab } from './slab.ts';
import type { ThreadPool } from './thread-pool.ts';

export interface ThreadedSealingDeps {
  readonly compression: Compression;
  readonly random: Random;
  /** `null`: there are no threads, and all is done on this one. */
  readonly pool: ThreadPool | null;
}

/** Below it the way to another thread costs more than it spares. */
const WORTH_BYTES = 256 * 1024;
/** Nor is it worth to start one, which takes some 80 ms: rows of an edit are through with zstd sooner, which has threads of its own. */
const COLD_BYTES = 1024 * 1024;
/** Bodies in one message. */
const AT_ONCE_BYTES = 1024 * 1024;
const LARGE_BYTES = 4 * 1024 * 1024;

/** A body to be cut and sealed. */
interface Waiting {
  readonly body: Uint8Array;
  readonly space: SpaceId;
  readonly keyId: number;
  readonly keys: SpaceKeys;
  readonly done: (chunks: Promise<readonly SealedChunk[]>) => void;
}

/** Seals and opens on other threads what is much; the rest, and whatever a thread fails at, on this one. Cost: a copy of the bytes. */
export function createThreadedSealing({ compression, random, pool }: ThreadedSealingDeps): Sealing {
  /** Bodies of many megabytes leave a thread to those who wait for little. */
  const turns = Array.from({ length: Math.max(1, (pool?.threads ?? 1) - 1) }, () => new Mutex());
  let next = 0;
  /** Bytes of bundles that are sealed on this thread now. */
  let bundled = 0;
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => (turns[(next += 1) % turns.length] as Mutex).run(work);

  const here = ({ body, space, keyId, keys }: Waiting): Promise<SealedChunk[]> => sealChunks(body, space, keyId, keys, compression);

  async function chunksOf(
    there: ThreadPool,
    first: Waiting,
    epoch: EpochKeys,
    bodies: Slab,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<SealedChunk[][]> {
    const { space, keyId, keys } = first;
    const { chunks, sealed } = await there.ask('chunks', { bodies, space, keyId, gear: keys.gear, epoch }, transfer);
    const pieces = piecesOf(sealed).values();
    return chunks.map((each) =>
      each.map(({ id, length }) => {
        const bytes = pieces.next().value;
        if (bytes === undefined) throw new Error('the thread gave no answer');
        rememberObjectId(bytes, id);
        return { object: { id, bytes }, length };
      }),
    );
  }

  function sealTogether(waiting: readonly Waiting[]): void {
    const [first] = waiting;
    const epoch = first?.keys.epoch(first.keyId);
    const bytes = waiting.reduce((sum, { body }) => sum + body.length, 0);
    if (pool === null || first === undefined || epoch === undefined || bytes < WORTH_BYTES) {
      for (const each of waiting) each.done(here(each));
      return;
    }
    const bodies = slabOf(waiting.map(({ body }) => body));
    const asked = chunksOf(pool, first, epoch, bodies, [bodies.bytes.buffer]);
    for (const [index, each] of waiting.entries()) each.done(asked.then((all) => all[index] ?? here(each)).catch(() => here(each)));
  }

  const sealSoon = inOneTurn<Waiting>((all) => {
    let [together, bytes]: [Waiting[], number] = [[], 0];
    for (const each of all) {
      const [last] = together;
      if (last !== undefined && (last.space !== each.space || last.keyId !== each.keyId || bytes + each.body.length > AT_ONCE_BYTES)) {
        sealTogether(together);
        [together, bytes] = [[], 0];
      }
      together.push(each);
      bytes += each.body.length;
    }
    sealTogether(together);
  });

  return {
    async chunks(body, space, keyId, keys) {
      const epoch = keys.epoch(keyId);
      const alone: Waiting = { body, space, keyId, keys, done: () => undefined };
      if (pool === null || epoch === undefined) return here(alone);
      if (body.length < WORTH_BYTES) return new Promise((resolve) => sealSoon({ ...alone, done: resolve }));
      try {
        const ask = async (): Promise<readonly SealedChunk[] | undefined> => {
          const [chunks] = await chunksOf(pool, alone, epoch, { bytes: ownBytes(body), lengths: [body.length] });
          return chunks;
        };
        return (await (body.length < LARGE_BYTES ? ask() : inTurn(ask))) ?? here(alone);
      } catch {
        return here(alone); // whatever a thread failed at
      }
    },
    async bundle(plain, binding, keys, effort) {
      const epoch = keys.epoch(binding.keyId);
      const salt = random.bytes(32);
      const bundleHere = async (): ReturnType<Sealing['bundle']> => {
        bundled += plain.length;
        try {
          return await sealBundle(plain, binding, keys, compression, { bytes: () => salt }, effort);
        } finally {
          bundled -= plain.length;
        }
      };
      const isLittle = plain.length < WORTH_BYTES || (pool?.isWarm === false && bundled + plain.length < COLD_BYTES);
      if (pool === null || epoch === undefined || isLittle) return bundleHere();
      try {
        const object = await pool.ask('bundle', { plain: ownBytes(plain), binding, epoch, salt, effort });
        rememberObjectId(object.bytes, object.id);
        return object;
      } catch {
        return bundleHere(); // whatever a thread failed at
      }
    },
    async open(objects, space, keys) {
      const openHere = (): ReturnType<Sealing['open']> =>
        Promise.all(objects.map((object) => openObject(object, space, keys, compression)));
      const length = objects.reduce((sum, { bytes }) => sum + bytes.length, 0);
      if (pool === null || length < (pool.isWarm ? WORTH_BYTES : COLD_BYTES)) return openHere();
      const epochs = new Map<number, EpochKeys>();
      for (const { bytes } of objects) {
        const keyId = objectKeyId(bytes);
        const epoch = keyId === undefined ? undefined : keys.epoch(keyId);
        if (keyId !== undefined && epoch !== undefined) epochs.set(keyId, epoch);
      }
      try {
        const sealed = slabOf(objects.map(({ bytes }) => bytes));
        const task = { ids: objects.map(({ id }) => id), sealed, space, epochs };
        const { errors, opened } = await pool.ask('open', task, [sealed.bytes.buffer]);
        const plain = piecesOf(opened);
        return objects.map(({ id, bytes }, index) => {
          const [error, body] = [errors[index], plain[index]];
          if (error === undefined || body === undefined) throw new Error('the thread gave no answer');
          if (error !== null) return fail(error);
          rememberObjectId(bytes, id);
          return ok(body);
        });
      } catch {
        return openHere(); // whatever a thread failed at
      }
    },
    close: () => pool?.close() ?? Promise.resolve(),
  };
}

/** Of a part of a buffer the whole buffer would be copied. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}
