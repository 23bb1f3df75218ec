import { parentPort } from 'node:worker_threads';
import { sealChunks } from '../core/crypto/seal-chunks.ts';
import type { SpaceKeys } from '../core/crypto/space-keys.ts';
import { createZstd } from '../store/zstd.ts';
import type { SealingAnswer, SealingTask } from './sealing-threads.ts';

/** What one of the threads of sealing-threads.ts runs: bodies in, encrypted chunks out, one after the other. */
const compression = createZstd();

parentPort?.on('message', (task: SealingTask) => {
  void answer(task).then(({ message, transfer }) => parentPort?.postMessage(message, transfer));
});

async function answer({ number, body, space, keyId, gear, mac, enc, epoch }: SealingTask) {
  const keys: SpaceKeys = {
    digestKey: new Uint8Array(0), // chunks need none
    gear,
    epoch: (id) => (id === keyId ? { mac, enc, epoch } : undefined),
  };
  try {
    const sealed = await sealChunks(body, space, keyId, keys, compression);
    const chunks = sealed.map(({ object, length }) => ({ id: object.id, bytes: ownBytes(object.bytes), length }));
    const message: SealingAnswer = { number, chunks };
    return { message, transfer: chunks.map(({ bytes }) => bytes.buffer as ArrayBuffer) };
  } catch (error) {
    const message: SealingAnswer = { number, problem: error instanceof Error ? error.message : String(error) };
    return { message, transfer: [] };
  }
}

/** Bytes that share their memory with nothing, so that they can be handed over. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}
