import { LIMITS } from './limits.ts';

/**
 * Content-defined chunking: FastCDC (Xia et al., ATC 2016) with normalised cut masks over a keyed gear table, so
 * that boundaries say nothing to who lacks the space's key. Returns the lengths of the chunks of `body`, in order;
 * none for an empty body.
 *
 * Cost: O(bytes), about 400 MB/s; the first 32 KiB of a chunk are skipped.
 */
export function chunkLengths(body: Uint8Array, gear: Uint32Array): number[] {
  const lengths: number[] = [];
  let start = 0;
  while (start < body.length) {
    const length = nextChunk(body, start, gear);
    lengths.push(length);
    start += length;
  }
  return lengths;
}

// Below the target a cut needs 19 zero bits, above it 15: sizes gather around the target of 2^17.
const STRICT_MASK = 0xffffe000 >>> 0;
const LOOSE_MASK = 0xfffe0000 >>> 0;

function nextChunk(body: Uint8Array, start: number, gear: Uint32Array): number {
  const left = body.length - start;
  if (left <= LIMITS.chunkMin * 2) return left;
  const end = start + Math.min(left, LIMITS.chunkMax);
  const middle = Math.min(end, start + LIMITS.chunkTarget);
  let hash = 0;
  let i = start + LIMITS.chunkMin;
  for (; i < middle; i++) {
    hash = ((hash << 1) + (gear[body[i] as number] as number)) | 0;
    if ((hash & STRICT_MASK) === 0) return i + 1 - start;
  }
  for (; i < end; i++) {
    hash = ((hash << 1) + (gear[body[i] as number] as number)) | 0;
    if ((hash & LOOSE_MASK) === 0) return i + 1 - start;
  }
  return end - start;
}
