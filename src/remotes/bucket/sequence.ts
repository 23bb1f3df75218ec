import type { Blobs } from '../../core/ports/blobs.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { damaged } from './damage.ts';

/**
 * Blobs of one folder, numbered from 0 without gaps: the n-th is there once all before it are. Numbers are found by
 * asking for them, never by a listing. Now and then whoever makes one notes its number in a hint: a lower bound, which
 * may be old, and saves most questions.
 */
export interface BlobSequence {
  name(number: number): string;
  /** The greatest number, above one that is there (−1: none is known). About log n requests, in few rounds. */
  newestFrom(known: number): Promise<number>;
  /** As {@link newestFrom}, from what the hint says. */
  newest(): Promise<number>;
  /** False where that number is taken. The caller has seen the one before it, and the bytes are nobody else's. */
  create(number: number, bytes: Uint8Array): Promise<boolean>;
}

const HINT_EVERY = 16;
const HINT_LIMIT = 32;
const DIGITS = 10;

export function createBlobSequence(blobs: Blobs, folder: string): BlobSequence {
  const hint = `${folder}/newest`;
  const name = (number: number): string => `${folder}/${String(number).padStart(DIGITS, '0')}`;
  const exists = async (number: number): Promise<boolean> => (await blobs.size(name(number))) !== null;

  async function readHint(): Promise<number> {
    const bytes = await blobs.read(hint, { offset: 0, length: HINT_LIMIT });
    const text = bytes === null ? '' : Buffer.from(bytes).toString('latin1');
    return /^\d{1,10}\n$/.test(text) ? Number(text) : -1;
  }

  /** A hint is written behind what it names, so that what it names and is not there was there. */
  async function newest(): Promise<number> {
    const hinted = await readHint();
    if (hinted < 0 || (await exists(hinted))) return searchFrom(hinted, exists);
    const found = await searchFrom(-1, exists);
    if (found >= hinted) return found; // made between our two looks
    throw damaged(name(found + 1), `it is missing, though ${hint} names number ${hinted}`);
  }

  return {
    name,
    newest,
    newestFrom: (known) => searchFrom(known, exists),
    async create(number, bytes) {
      if ((await blobs.create(name(number), bytes)) === 'exists') return false;
      if (number % HINT_EVERY === HINT_EVERY - 1) await blobs.write(hint, Buffer.from(`${number}\n`)).catch(unlessRemote);
      return true;
    },
  };
}

/** What only saves others work may fail. */
export function unlessRemote(error: unknown): undefined {
  if (!(error instanceof RemoteError)) throw error;
  return undefined;
}

/** What the names have digits for. */
const MOST_NUMBER = 10 ** DIGITS;
/** Numbers asked for at once. */
const PROBES = 4;

/** The greatest number that exists, above `from`, which does: doubling steps, then narrowing ones, several at once. */
export async function searchFrom(from: number, exists: (number: number) => Promise<boolean>): Promise<number> {
  let low = from;
  let high = Infinity;
  for (let step = 1; high === Infinity; step *= 2 ** PROBES) {
    const numbers = Array.from({ length: PROBES }, (_, at) => low + step * 2 ** at);
    if (low > MOST_NUMBER) throw new RemoteError('protocol', 'the bucket says of every blob that it is there');
    [low, high] = await narrow(low, high, numbers, exists);
  }
  while (high - low > 1) {
    const gap = high - low;
    const numbers = Array.from({ length: PROBES }, (_, at) => low + Math.ceil((gap * (at + 1)) / (PROBES + 1)));
    [low, high] = await narrow(
      low,
      high,
      [...new Set(numbers)].filter((number) => number < high),
      exists,
    );
  }
  return low;
}

/** One that is there behind one that is not was made between the answers: the lowest that is not there bounds. */
async function narrow(
  low: number,
  high: number,
  numbers: readonly number[],
  exists: (number: number) => Promise<boolean>,
): Promise<[low: number, high: number]> {
  const found = await Promise.all(numbers.map(exists));
  const missing = found.indexOf(false);
  if (missing < 0) return [numbers.at(-1) ?? low, high];
  return [missing === 0 ? low : (numbers[missing - 1] as number), numbers[missing] as number];
}
