import { encodeCanonical } from '../../core/canonical.ts';
import { parseCanonical, readBytes, readCount, readFields, readHex } from '../../core/canonical-fields.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { bytesToHex, hexToBytes } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Random } from '../../core/ports/random.ts';
import { checkCheckpoint } from '../checks.ts';
import { encodeFrame, parseFrame } from '../frame-bytes.ts';
import { damaged } from './damage.ts';
import { createBlobSequence, unlessRemote } from './sequence.ts';

/** The checkpoints of one space: numbered notes, of which the last counts, each naming a blob with the bytes. */
export interface BucketCheckpoints {
  read(): Promise<Uint8Array | null>;
  write(position: number, bytes: Uint8Array): Promise<void>;
}

export interface CheckpointNote {
  readonly position: number;
  readonly hash: string;
  /** Names the blob with the bytes. */
  readonly nonce: string;
}

const NONCE = 16;
const NOTE_LIMIT = 1_024;
/** A writer that replaces what is read may be met so often in a row. */
const LOOKS = 10;

export function createBucketCheckpoints(blobs: Blobs, folder: string, random: Random): BucketCheckpoints {
  const notes = createBlobSequence(blobs, `${folder}/checkpoints`);
  const bodyName = (nonce: string): string => `${folder}/checkpoints/bodies/${nonce}`;

  async function readNote(number: number): Promise<CheckpointNote> {
    const name = notes.name(number);
    const bytes = await blobs.read(name);
    if (bytes === null) throw damaged(name, 'it vanished');
    const note = parseNote(bytes);
    if (typeof note === 'string') throw damaged(name, note);
    return note;
  }

  return {
    async read() {
      // What vanishes meanwhile was replaced by a later one: the next look finds that.
      for (let before = -1, look = 0; ; look += 1) {
        const number = await notes.newest();
        if (number < 0) return null;
        const { nonce, hash } = await readNote(number);
        const bytes = await blobs.read(bodyName(nonce));
        if (bytes !== null && sha256Hex(bytes) === hash) return bytes;
        if (bytes !== null) throw damaged(bodyName(nonce), 'its checksum differs');
        if (number === before || look === LOOKS) throw damaged(bodyName(nonce), `it is missing, though ${notes.name(number)} names it`);
        before = number;
      }
    },
    async write(position, bytes) {
      checkCheckpoint(position, bytes);
      let newest = await notes.newest();
      let replaced = newest < 0 ? null : await readNote(newest);
      if (replaced !== null && replaced.position > position) return;
      const own = bytesToHex(random.bytes(NONCE));
      await blobs.create(bodyName(own), bytes);
      const note = encodeNote({ position, hash: sha256Hex(bytes), nonce: own });
      while (!(await notes.create(newest + 1, note))) {
        newest = await notes.newestFrom(newest + 1);
        replaced = await readNote(newest);
        if (replaced.position <= position) continue;
        await blobs.remove([bodyName(own)]).catch(unlessRemote);
        return;
      }
      // Only bytes go; whoever reads them just now looks again.
      if (replaced !== null) await blobs.remove([bodyName(replaced.nonce)]).catch(unlessRemote);
    },
  };
}

export function encodeNote({ position, hash, nonce }: CheckpointNote): Buffer {
  return encodeFrame('CKP1', encodeCanonical([position, hexToBytes(hash), hexToBytes(nonce)]), new Uint8Array(0));
}

function parseNote(bytes: Uint8Array): CheckpointNote | string {
  const frame = parseFrame(bytes, true, 'CKP1', 0);
  if (typeof frame === 'string') return frame;
  const parsed = parseCanonical('note', frame.head, NOTE_LIMIT, (value): CheckpointNote => {
    const [position, hash, nonce] = readFields(value, 3);
    return { position: readCount(position), hash: readHex(hash), nonce: bytesToHex(readBytes(nonce, NONCE)) };
  });
  return parsed.ok ? parsed.value : parsed.error;
}
