import { open, type FileHandle } from 'node:fs/promises';
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
/** Objects that lie next to each other are read at once, up to this much. */
const RUN_BYTES = 4 * 1024 * 1024;
/** What may lie between two of them. */
const GAP_BYTES = 4 * 1024;

/**
 * Reads objects of one pack, checked against their ids, by offset. `null` where there is no such pack. Cost: O(bytes),
 * one read for neighbours.
 */
export async function readPack(folder: string, pack: number, objects: readonly Located[]): Promise<ReadObject[] | null> {
  const handle = await open(join(folder, packName(pack)), 'r').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
  if (handle === null) return null;
  try {
    const runs = runsOf(objects.toSorted((a, b) => a.offset - b.offset));
    const queue = runs.entries();
    const results: ReadObject[][] = runs.map(() => []);
    const readOn = async (): Promise<void> => {
      for (const [index, run] of queue) results[index] = await readRun(handle, run);
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, runs.length) }, readOn));
    return results.flat();
  } finally {
    await handle.close();
  }
}

function runsOf(sorted: readonly Located[]): Located[][] {
  const runs: Located[][] = [];
  let end = -1;
  let start = 0;
  for (const located of sorted) {
    const gap = located.offset - end;
    const last = runs.at(-1);
    if (last !== undefined && gap >= 0 && gap <= GAP_BYTES && located.offset + located.size - start <= RUN_BYTES) last.push(located);
    else {
      runs.push([located]);
      start = located.offset;
    }
    end = located.offset + ENTRY_HEADER + located.size;
  }
  return runs;
}

async function readRun(handle: FileHandle, run: readonly Located[]): Promise<ReadObject[]> {
  const [first, last] = [run[0] as Located, run.at(-1) as Located];
  const buffer = Buffer.allocUnsafeSlow(last.offset + last.size - first.offset);
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, first.offset + ENTRY_HEADER);
  return run.map((located) => {
    const at = located.offset - first.offset;
    const bytes = buffer.subarray(at, at + located.size);
    const sound = bytesRead >= at + located.size && sha256Hex(bytes) === located.id;
    return { located, bytes: sound ? bytes : null };
  });
}
