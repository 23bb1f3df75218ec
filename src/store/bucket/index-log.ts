import { ZERO_HASH, type SpaceId } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import type { BucketIndex } from './bucket-index.ts';
import { decodeEntry, encodeEntry, ENTRY_START, entryName, lengthOfEntry, type DecodedEntry, type IndexChange } from './index-entry.ts';
import { loadSnapshot } from './index-snapshot.ts';

/** The log of one space, which all nodes on a bucket share: numbered blobs, made once each. */
export interface IndexLog {
  /** The index holds what was there when this was called. Two requests at one time where nothing is new; calls share them. */
  fresh(): Promise<void>;
  /**
   * Makes the next entry, of what `make` says of the index as it is just before; null: nothing any more. Another node's
   * entry that is there first is taken, and `make` asked again. Only one at a time. Answers its position.
   */
  append(make: () => NewEntry | null): Promise<number | null>;
}

export interface NewEntry {
  readonly change: IndexChange;
  readonly data?: Uint8Array;
}

export interface IndexLogDeps {
  readonly blobs: Blobs;
  readonly index: BucketIndex;
  readonly space: SpaceId;
  /** Of the space, in the bucket. */
  readonly folder: string;
  readonly random: Random;
  readonly clock: Clock;
}

/** Read first of each entry: enough for most headers. */
const FIRST_BYTES = 16 * 1024;
/** Entries read at one time where many are new. */
const AHEAD = 16;
/** Milliseconds. */
const LONGEST_PAUSE = 1_000;
/** Where so many are new, a snapshot may be quicker. */
const MANY = 64;

export function createIndexLog({ blobs, index, space, folder, random, clock }: IndexLogDeps): IndexLog {
  let running: Promise<void> | null = null;
  let queued: Promise<void> | null = null;

  const damaged = (position: number, reason: string): RemoteError =>
    new RemoteError('protocol', `${blobs.address}: entry ${position} of the objects of space ${space}: ${reason}`);

  async function readEntry(position: number): Promise<DecodedEntry | null> {
    const name = `${folder}/${entryName(position)}`;
    let bytes = await blobs.read(name, { offset: 0, length: FIRST_BYTES });
    if (bytes === null) return null;
    const length = lengthOfEntry(bytes);
    if (!length.ok) throw damaged(position, length.error);
    if (length.value > bytes.length) bytes = await blobs.read(name, { offset: 0, length: length.value });
    const decoded = decodeEntry(bytes ?? new Uint8Array(ENTRY_START));
    if (!decoded.ok) throw damaged(position, decoded.error);
    if (decoded.value.entry.space !== space || decoded.value.entry.position !== position) throw damaged(position, 'it is of another place');
    return decoded.value;
  }

  function take(decoded: DecodedEntry): void {
    if (index.apply(space, decoded)) return;
    const { position, previous } = decoded.entry;
    const head = index.head(space);
    if (position === head.position + 1 && previous !== head.hash) throw damaged(position, 'it does not follow the one before');
  }

  /** A damaged one counts: the index has it, and is sound. */
  async function isThere(position: number, hash: string): Promise<boolean> {
    try {
      return (await readEntry(position))?.hash === hash;
    } catch (error) {
      if (error instanceof RemoteError && error.type === 'protocol') return true;
      throw error;
    }
  }

  /**
   * Whether the last entry that the index holds is in the bucket: that may be another one by now, or an older state of it, restored.
   * Where it is not, the index is made anew.
   */
  async function verify(): Promise<void> {
    const { position, hash } = index.head(space);
    if (position > 0 && (await isThere(position, hash))) return;
    if (index.head(space).position !== position) return; // moved on meanwhile
    index.forget(space);
    await loadSnapshot({ blobs, folder, space, index }, isThere);
  }

  async function catchUp(): Promise<void> {
    const from = index.head(space).position + 1;
    const [first] = await Promise.all([readEntry(from), verify()]);
    if (index.head(space).position + 1 === from && first === null) return;
    for (let taken = 0, ahead = 1; ; taken += ahead, ahead = Math.min(AHEAD, ahead * 2)) {
      if (taken > MANY && taken <= MANY + AHEAD) await loadSnapshot({ blobs, folder, space, index }, isThere);
      const next = index.head(space).position + 1;
      const isRead = next === from && first !== null;
      const entries = isRead ? [first] : await Promise.all(Array.from({ length: ahead }, (_, more) => readEntry(next + more)));
      for (const entry of entries) {
        if (entry === null) return;
        take(entry);
      }
    }
  }

  /** Never two at one time. */
  async function run(): Promise<void> {
    try {
      await catchUp();
    } finally {
      if (queued === null) running = null;
    }
  }

  async function runAfter(before: Promise<void>): Promise<void> {
    await before.catch(() => undefined); // its callers hear of it
    queued = null;
    running = run();
    return running;
  }

  function fresh(): Promise<void> {
    if (running === null) return (running = run());
    // What runs may have looked before this call: the next one is for all who call until it begins.
    return (queued ??= runAfter(running));
  }

  return {
    fresh,
    async append(make) {
      for (let lost = 0; ; lost++) {
        // Where many race, most of them would lose again at once.
        if (lost > 1) await clock.sleep(((random.bytes(1)[0] ?? 0) / 256) * Math.min(LONGEST_PAUSE, 10 * 2 ** lost));
        const { position, hash } = index.head(space);
        const made = make();
        if (made === null) return null;
        const nonce = Buffer.from(random.bytes(16)).toString('hex');
        const { bytes, hash: own } = encodeEntry({
          space,
          position: position + 1,
          previous: position === 0 ? ZERO_HASH : hash,
          nonce,
          change: made.change,
        });
        const whole = made.data === undefined ? bytes : Buffer.concat([bytes, made.data]);
        if ((await blobs.create(`${folder}/${entryName(position + 1)}`, whole)) === 'created') {
          take({ entry: { space, position: position + 1, previous: hash, nonce, change: made.change }, hash: own, dataAt: bytes.length });
          return position + 1;
        }
        await fresh();
      }
    },
  };
}
