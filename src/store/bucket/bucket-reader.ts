import { sha256Hex } from '../../core/crypto/hash.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { LocatedObject } from './bucket-index.ts';

/** `bytes: null`: not there, or not the object's. */
export interface ReadObject {
  readonly located: LocatedObject;
  readonly bytes: Uint8Array | null;
}

/** Requests at one time. */
const PARALLEL = 16;
/** Objects that lie near each other are asked for at once, up to this much. */
const RUN_BYTES = 8 * 1024 * 1024;
/** What may lie between two of them: less than another request would cost. */
const GAP_BYTES = 64 * 1024;

/** Reads objects, checked against their ids. Cost: O(bytes), a request for neighbours. */
export async function readObjects(blobs: Blobs, folder: string, objects: readonly LocatedObject[]): Promise<ReadObject[]> {
  const runs = runsOf(objects);
  const results: ReadObject[][] = runs.map(() => []);
  const queue = runs.entries();
  const readOn = async (): Promise<void> => {
    for (const [index, run] of queue) results[index] = await readRun(blobs, folder, run);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, runs.length) }, readOn));
  return results.flat();
}

function runsOf(objects: readonly LocatedObject[]): LocatedObject[][] {
  const sorted = objects.toSorted((a, b) => (a.blob === b.blob ? a.offset - b.offset : a.blob < b.blob ? -1 : 1));
  const runs: LocatedObject[][] = [];
  let start = 0;
  let end = 0;
  for (const located of sorted) {
    const last = runs.at(-1);
    const isNear =
      last?.[0]?.blob === located.blob && located.offset - end <= GAP_BYTES && located.offset + located.size - start <= RUN_BYTES;
    if (isNear) last?.push(located);
    else {
      runs.push([located]);
      start = located.offset;
      end = start;
    }
    end = Math.max(end, located.offset + located.size);
  }
  return runs;
}

async function readRun(blobs: Blobs, folder: string, run: readonly LocatedObject[]): Promise<ReadObject[]> {
  const offset = Math.min(...run.map((each) => each.offset));
  const length = Math.max(...run.map((each) => each.offset + each.size)) - offset;
  const [first] = run;
  const bytes = first === undefined ? null : await blobs.read(`${folder}/${first.blob}`, { offset, length });
  return run.map((located) => {
    const part = bytes?.subarray(located.offset - offset, located.offset - offset + located.size) ?? null;
    return { located, bytes: part !== null && sha256Hex(part) === located.id ? part : null };
  });
}
