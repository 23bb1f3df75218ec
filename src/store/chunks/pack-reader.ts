import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { ENTRY_HEADER, packName } from './pack-format.ts';
import type { Located } from './pack-index.ts';

/** `bytes: null`: damaged. */
export interface ReadObject {
  readonly located: Located;
  readonly bytes: Uint8Array | null;
}

/** Reads at one time. */
const PARALLEL = 8;

/** Reads objects of one pack, checked against their ids, by offset. `null` where there is no such pack. */
export async function readPack(folder: string, pack: number, objects: readonly Located[]): Promise<ReadObject[] | null> {
  const handle = await open(join(folder, packName(pack)), 'r').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
  if (handle === null) return null;
  try {
    const queue = objects.toSorted((a, b) => a.offset - b.offset).values();
    const results: ReadObject[] = [];
    const readOn = async (): Promise<void> => {
      for (const located of queue) {
        const bytes = Buffer.allocUnsafeSlow(located.size);
        const { bytesRead } = await handle.read(bytes, 0, located.size, located.offset + ENTRY_HEADER);
        const sound = bytesRead === located.size && sha256Hex(bytes) === located.id;
        results.push({ located, bytes: sound ? bytes : null });
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, objects.length) }, readOn));
    return results;
  } finally {
    await handle.close();
  }
}
