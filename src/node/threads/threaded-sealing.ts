import { objectKeyId, openObject, sealBundle } from '../../core/crypto/object-cipher.ts';
import { sealChunks } from '../../core/crypto/seal-chunks.ts';
import { rememberObjectId } from '../../core/crypto/object-id.ts';
import type { EpochKeys } from '../../core/crypto/space-keys.ts';
import type { Compression } from '../../core/ports/compression.ts';
import type { Random } from '../../core/ports/random.ts';
import type { SealedChunk, Sealing } from '../../core/ports/sealing.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import type { ThreadPool } from './thread-pool.ts';

export interface ThreadedSealingDeps {
  readonly compression: Compression;
  readonly random: Random;
  /** `null`: there are no threads, and all is done on this one. */
  readonly pool: ThreadPool | null;
}

/** Below it the way to another thread costs more than it spares. */
const WORTH_BYTES = 256 * 1024;
const LARGE_BYTES = 4 * 1024 * 1024;

/** Seals and opens on other threads what is large; the rest, and whatever a thread fails at, on this one. Cost: a copy of the bytes. */
export function createThreadedSealing({ compression, random, pool }: ThreadedSealingDeps): Sealing {
  /** Bodies of many megabytes leave a thread to those who wait for little. */
  const turns = Array.from({ length: Math.max(1, (pool?.threads ?? 1) - 1) }, () => new Mutex());
  let next = 0;
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => (turns[(next += 1) % turns.length] as Mutex).run(work);

  return {
    async chunks(body, space, keyId, keys) {
      const epoch = keys.epoch(keyId);
      const here = (): ReturnType<Sealing['chunks']> => sealChunks(body, space, keyId, keys, compression);
      if (pool === null || epoch === undefined || body.length < WORTH_BYTES) return here();
      try {
        const ask = (): Promise<readonly SealedChunk[]> =>
          pool.ask('chunks', { body: ownBytes(body), space, keyId, gear: keys.gear, epoch });
        const chunks = await (body.length < LARGE_BYTES ? ask() : inTurn(ask));
        for (const { object } of chunks) rememberObjectId(object.bytes, object.id);
        return chunks;
      } catch {
        return here(); // whatever a thread failed at
      }
    },
    async bundle(plain, binding, keys, effort) {
      const epoch = keys.epoch(binding.keyId);
      const salt = random.bytes(32);
      const here = (): ReturnType<Sealing['bundle']> => sealBundle(plain, binding, keys, compression, { bytes: () => salt }, effort);
      if (pool === null || epoch === undefined || plain.length < WORTH_BYTES) return here();
      try {
        const object = await pool.ask('bundle', { plain: ownBytes(plain), binding, epoch, salt, effort });
        rememberObjectId(object.bytes, object.id);
        return object;
      } catch {
        return here(); // whatever a thread failed at
      }
    },
    async open(objects, space, keys) {
      const here = (): ReturnType<Sealing['open']> => Promise.all(objects.map((object) => openObject(object, space, keys, compression)));
      if (pool === null || objects.reduce((sum, { bytes }) => sum + bytes.length, 0) < WORTH_BYTES) return here();
      const epochs = new Map<number, EpochKeys>();
      for (const { bytes } of objects) {
        const keyId = objectKeyId(bytes);
        const epoch = keyId === undefined ? undefined : keys.epoch(keyId);
        if (keyId !== undefined && epoch !== undefined) epochs.set(keyId, epoch);
      }
      try {
        const opened = await pool.ask('open', { objects, space, epochs });
        for (const [index, { id, bytes }] of objects.entries()) if (opened[index]?.ok === true) rememberObjectId(bytes, id);
        return opened;
      } catch {
        return here(); // whatever a thread failed at
      }
    },
    close: () => pool?.close() ?? Promise.resolve(),
  };
}

/** Of a part of a buffer the whole buffer would be copied. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}
