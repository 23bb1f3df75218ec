import { ZERO_HASH, type SpaceId } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import type { BucketIndex } from './bucket-index.ts';
import {
  decodeEntry,
  encodeEntry,
  ENTRY_START,
  entryName,
  isWholeEntry,
  lengthOfEntry,
  type DecodedEntry,
  type IndexChange,
} from './index-entry.ts';
import { findRestart, listEntries, restartLog, type LostEntries } from './index-restart.ts';
import { takeRestart } from './known-before.ts';
import { loadSnapshot } from './index-snapshot.ts';

/** The log of one space, which all nodes on a bucket share: numbered blobs, made once each. */
export interface IndexLog {
  /** The index holds what was there when this was called. Two requests at one time where nothing is new; calls share them. */
  fresh(): Promise<void>;
  /** Something is not where the index says, or not in it: the next {@link IndexLog.fresh} looks by a listing whether the log goes on behind a gap. */
  doubt(): void;
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
  /** Hears what the bucket lost of the log, where this node began a new run of it for that. */
  readonly onLost?: ((lost: LostEntries) => void) | undefined;
  /** Hears of each time that the log was read to its end (`null`), or to what cannot be read. Not of a bucket that failed. */
  readonly onRead?: ((stopped: StoppedLog | null) => void) | undefined;
}

/** Read first of each entry: enough for most headers. */
const FIRST_BYTES = 16 * 1024;
/** Entries read at one time where many are new. */
const AHEAD = 16;
/** Milliseconds. */
const LONGEST_PAUSE = 1_000;
/** Where so many are new, a snapshot may be quicker. */
const MANY = 64;
/** Milliseconds for which a listing says that the log goes on behind no gap; and less, for who misses something. An entry may have come and gone, unseen. */
const LISTED_FOR = 10 * 60_000;
const DOUBTED_AFTER = 10_000;
/** New runs that others were quicker to begin, before it is given up for now. */
const MENDS = 8;

/** The log of a space's objects cannot be read on: neither can what lies behind that be given, nor anything be taken. */
export class StoppedLog extends RemoteError {
  /** What stands there is whole: a newer Satchel wrote it. */
  readonly isNewer: boolean;
  constructor(message: string, isNewer: boolean) {
    super('protocol', message);
    this.isNewer = isNewer;
  }
}

/** Its bytes are not what anybody wrote there. One that is whole, and cannot be read, is of a newer Satchel: that is no damage. */
class RottenEntry extends RemoteError {
  constructor(message: string) {
    super('protocol', message);
  }
}

export function createIndexLog(options: IndexLogDeps): IndexLog {
  const { blobs, index, space, folder, random, clock, onLost = () => undefined, onRead = () => undefined } = options;
  const deps = { ...options, readEntry: readSound };
  /** When a listing said last that no entry is behind the last one that this node knows. */
  let listedAt = -Infinity;
  /** What this node knew of a state of the bucket that is gone, until it is known what there is instead. */
  let before: { readonly position: number; readonly blobs: readonly string[] } | null = null;
  let running: Promise<void> | null = null;
  let queued: Promise<void> | null = null;

  const damaged = (position: number, reason: string, isNewer = false): StoppedLog =>
    new StoppedLog(`${blobs.address}: entry ${position} of the objects of space ${space}: ${reason}`, isNewer);

  async function readEntry(position: number): Promise<DecodedEntry | null> {
    const name = `${folder}/${entryName(position)}`;
    let bytes = await blobs.read(name, { offset: 0, length: FIRST_BYTES });
    if (bytes === null) return null;
    const length = lengthOfEntry(bytes);
    if (!length.ok) throw new RottenEntry(damaged(position, length.error).message);
    if (length.value > bytes.length) bytes = await blobs.read(name, { offset: 0, length: length.value });
    const decoded = decodeEntry(bytes ?? new Uint8Array(ENTRY_START));
    if (!decoded.ok && !isWholeEntry(bytes ?? new Uint8Array(0))) throw new RottenEntry(damaged(position, decoded.error).message);
    if (!decoded.ok) throw damaged(position, decoded.error, true);
    if (decoded.value.entry.space !== space || decoded.value.entry.position !== position) throw damaged(position, 'it is of another place');
    return decoded.value;
  }

  /** As {@link readEntry}; `null` for one that rotted, too. */
  async function readSound(position: number): Promise<DecodedEntry | null> {
    try {
      return await readEntry(position);
    } catch (error) {
      if (error instanceof RottenEntry) return null;
      throw error;
    }
  }

  /** Whether it is the one behind the head by now, or was taken before. */
  function take(decoded: DecodedEntry): boolean {
    if (index.apply(space, decoded)) return true;
    const { position, previous } = decoded.entry;
    const head = index.head(space);
    return position !== head.position + 1 || previous === head.hash;
  }

  /** A damaged one counts: the index has it, and is sound. */
  async function isThere(position: number, hash: string): Promise<boolean> {
    return (await stateOf(position, hash)) === 'there';
  }

  async function stateOf(position: number, hash: string): Promise<'there' | 'absent' | 'other'> {
    try {
      const found = await readEntry(position);
      return found === null ? 'absent' : found.hash === hash ? 'there' : 'other';
    } catch (error) {
      if (error instanceof RemoteError && error.type === 'protocol') return 'there';
      throw error;
    }
  }

  /**
   * Whether the last entry that the index holds is in the bucket: that may be another one by now, or an older state of it, restored.
   * Then the index is made anew. Where the bucket lost entries it stays, since nothing else may say where the objects lie.
   */
  async function verify(): Promise<'sound' | 'lost'> {
    const { position, hash } = index.head(space);
    const state = position === 0 ? 'other' : await stateOf(position, hash);
    if (state === 'there' || index.head(space).position !== position) return 'sound'; // or moved on meanwhile
    if (state === 'absent' && (await hasHoles(position))) return 'lost';
    listedAt = -Infinity;
    const lying = index.blobs(space).flatMap(({ name, objects }) => (objects > 0 ? [name] : []));
    if (position > 0) before ??= { position, blobs: lying };
    index.forget(space);
    await loadSnapshot({ blobs, folder, space, index }, isThere);
    return 'sound';
  }

  /** Whether entries are gone that others are behind of, or came before that one: an older state of a bucket has all up to its end. */
  async function hasHoles(gone: number): Promise<boolean> {
    const listed = await listEntries(deps, 0);
    const last = listed.at(-1) ?? 0;
    return last > gone || listed.length < last;
  }

  /**
   * Whether there is no entry from `position` on, where none is at `position`. A listing says so now and then, and whenever something is
   * missed: an entry may have been made and lost between two looks, however near, and who goes on as if none were behind it would see none of
   * what others write there. What was made since counts as none that is lost.
   */
  async function isEnd(position: number): Promise<boolean> {
    if (isListedWithin(LISTED_FOR)) return true;
    const now = clock.now();
    const listed = await listEntries(deps, position, AHEAD);
    for (const behind of listed) {
      if ((await readEntry(behind)) === null) continue; // a listing that is behind
      return false;
    }
    listedAt = now;
    return true;
  }

  const isListedWithin = (ms: number): boolean => Math.abs(clock.now() - listedAt) <= ms;

  async function catchUp(): Promise<void> {
    for (let tries = 0; (await readWhole()) === 'torn'; tries++) {
      if (tries === MENDS) throw damaged(index.head(space).position + 1, 'it is missing, and others are behind it');
      listedAt = -Infinity;
      await goOnBehind();
    }
    if (before === null) return;
    const { position, blobs: lay } = before;
    before = null;
    const gone = lay.filter((name) => !index.hasBlob(space, name)).length;
    onLost({ space, entries: [], end: { was: position, is: index.head(space).position }, blobs: gone, objects: index.count(space) });
  }

  /** What rotted is as good as gone: the log is torn there. */
  async function readWhole(): Promise<'end' | 'torn'> {
    try {
      return await readOn();
    } catch (error) {
      if (error instanceof RottenEntry) return 'torn';
      throw error;
    }
  }

  /** Takes what is behind the head of the index, up to the end of the log or to where it is torn. */
  async function readOn(): Promise<'end' | 'torn'> {
    const from = index.head(space).position + 1;
    const [read, state] = await Promise.allSettled([readEntry(from), verify()]);
    if (state.status === 'rejected') throw state.reason;
    if (read.status === 'rejected') throw read.reason;
    const first = read.value;
    if (state.value === 'lost' && (first === null || first.entry.previous !== index.head(space).hash)) return 'torn';
    if (index.head(space).position + 1 === from && first === null) return endOr(from);
    for (let taken = 0, ahead = 1; ; taken += ahead, ahead = Math.min(AHEAD, ahead * 2)) {
      if (taken > MANY && taken <= MANY + AHEAD) await loadSnapshot({ blobs, folder, space, index }, isThere);
      const next = index.head(space).position + 1;
      const isRead = next === from && first !== null;
      const entries = isRead ? [first] : await Promise.all(Array.from({ length: ahead }, (_, more) => readEntry(next + more)));
      for (const entry of entries) {
        if (entry === null) return endOr(index.head(space).position + 1);
        if (entry.entry.change.type === 'restart') takeRestart(index, space, entry, clock);
        else if (!take(entry)) return 'torn';
      }
    }
  }

  async function endOr(position: number): Promise<'end' | 'torn'> {
    if (await isEnd(position)) return 'end';
    // Others may have made it, and more, since it was looked for.
    return (await readEntry(position)) === null ? 'torn' : readOn();
  }

  /** Where the log is torn: goes on at the newest restart behind that, or begins one. */
  async function goOnBehind(): Promise<void> {
    const restart = await findRestart(deps, index.head(space).position);
    if (restart !== null) return takeRestart(index, space, restart, clock);
    const lost = await restartLog(deps);
    if (lost !== null) onLost(lost);
  }

  /** Never two at one time. */
  async function run(): Promise<void> {
    try {
      await catchUp();
      onRead(null);
    } catch (error) {
      if (error instanceof StoppedLog) onRead(error);
      throw error;
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
    doubt() {
      if (!isListedWithin(DOUBTED_AFTER)) listedAt = -Infinity;
    },
    async append(make) {
      for (let lost = 0; ; lost++) {
        // Where many race, most of them would lose again at once.
        if (lost > 1) await clock.sleep(((random.bytes(1)[0] ?? 0) / 256) * Math.min(LONGEST_PAUSE, 10 * 2 ** lost));
        // Nothing is made while the index is made anew, or where entries may be behind.
        if (!isListedWithin(LISTED_FOR)) await fresh();
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
