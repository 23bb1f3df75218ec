import { hexToBytes, isHex32, type SpaceId } from '../../core/ids.ts';
import { encodeCanonical } from '../../core/canonical.ts';
import { parseCanonical, readBytes, readFields, readHex } from '../../core/canonical-fields.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Random } from '../../core/ports/random.ts';
import { encodeFrame, parseFrame } from '../frame-bytes.ts';
import { mapAtOnce } from './at-once.ts';
import { damaged } from './damage.ts';
import { createBlobSequence } from './sequence.ts';

/** Which spaces a bucket holds, as numbered entries: a listing may lack the newest. An entry comes before the log that it names. */
export interface SpaceRegister {
  list(): Promise<readonly SpaceId[]>;
  add(space: SpaceId): Promise<void>;
}

const NONCE = 16;

export function createSpaceRegister(blobs: Blobs, random: Random): SpaceRegister {
  const entries = createBlobSequence(blobs, 'register');
  const known: SpaceId[] = [];

  async function follow(): Promise<void> {
    // A bucket that was restored has fewer than were seen.
    if (known.length > 0 && (await blobs.size(entries.name(known.length - 1))) === null) known.length = 0;
    const newest = known.length === 0 ? await entries.newest() : await entries.newestFrom(known.length - 1);
    const numbers = Array.from({ length: newest + 1 - known.length }, (_, at) => known.length + at);
    const found = await mapAtOnce(numbers, readEntry);
    for (const [at, number] of numbers.entries()) known[number] = found[at] as SpaceId;
  }

  async function readEntry(number: number): Promise<SpaceId> {
    const bytes = await blobs.read(entries.name(number));
    const entry = bytes === null ? 'it is missing' : parseEntry(bytes);
    if (!isHex32(entry)) throw damaged(entries.name(number), entry);
    return entry as SpaceId;
  }

  return {
    async list() {
      await follow();
      return [...new Set(known)];
    },
    async add(space) {
      await follow();
      const entry = encodeEntry(space, random.bytes(NONCE));
      while (!known.includes(space)) {
        if (await entries.create(known.length, entry)) known.push(space);
        else await follow();
      }
    },
  };
}

export function encodeEntry(space: SpaceId, nonce: Uint8Array): Buffer {
  return encodeFrame('SPC1', encodeCanonical([hexToBytes(space), nonce]), new Uint8Array(0));
}

/** The space, or what is wrong. */
function parseEntry(bytes: Uint8Array): string {
  const frame = parseFrame(bytes, true, 'SPC1', 0);
  if (typeof frame === 'string') return frame;
  const parsed = parseCanonical('entry', frame.head, 256, (value) => {
    const [space, nonce] = readFields(value, 2);
    readBytes(nonce, NONCE);
    return readHex(space);
  });
  return parsed.ok ? parsed.value : parsed.error;
}
