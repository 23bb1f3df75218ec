import { bytesToHex } from '../../core/ids.ts';
import { encodeRecord, headAfter, type Head, type LogRecord } from '../../core/log/record.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError, type ReadAnswer, type ReadLimit } from '../../core/ports/remote.ts';
import { mapAtOnce } from './at-once.ts';
import { damaged } from './damage.ts';
import { createRollups } from './rollups.ts';
import { encodeDropSegment, encodeSegment, isDrop, type Dropped, type Segment, type SegmentInfo } from './segment.ts';
import { createSegments } from './segments.ts';
import { createBlobSequence } from './sequence.ts';

/** The newest segment that was seen. */
export interface Tail {
  readonly number: number;
  readonly head: Head;
  /** The newest segment that dropped objects, up to this one. */
  readonly dropAt: number | null;
  /** Of its blob: another one in its place may end in the same head. */
  readonly nonce: string;
}

/** The log of one space as numbered segments, one an append. */
export interface BucketLog {
  /** The tail now; `null` where there is no log. Two requests at once, where nothing was added. */
  refresh(): Promise<Tail | null>;
  /** The tail as it was seen last: who goes on from an older one than there is loses the race for the next segment. */
  recent(): Promise<Tail | null>;
  /**
   * Whether the segment seen last is there still; where not, all is forgotten. One small request. Asked before each append:
   * in a bucket that was restored meanwhile it would leave a gap.
   */
  isThere(tail: Tail): Promise<boolean>;
  read(from: number, limit: ReadLimit): Promise<ReadAnswer>;
  /** Makes the segment behind `tail`; `null` where another one took its place. */
  append(tail: Tail | null, records: readonly LogRecord[]): Promise<Tail | null>;
  /** As {@link append}, a segment without records that takes objects away. */
  drop(tail: Tail, dropped: readonly Dropped[]): Promise<Tail | null>;
  segment(number: number): Promise<Segment>;
  nameOf(number: number): string;
  /** Grows when the log turned out to be another than before: a bucket that was restored. What was known then is forgotten. */
  readonly generation: number;
}

/** What is read at once: a segment or a rollup of some, and the number behind it. */
interface Block {
  readonly segment: Segment;
  readonly next: number;
}

const NONCE = 16;
/** Segments that are read one by one, before their number is looked for. */
const STEPS = 8;
const PREFETCH = 16;

/**
 * Compare-and-swap: whoever saw that segment n ends in the expected head may make segment n+1, and one `create` of that
 * name works. Segments never change, so that what n ends in is as good as a lock.
 */
export function createBucketLog(blobs: Blobs, folder: string, random: Random): BucketLog {
  const sequence = createBlobSequence(blobs, `${folder}/log`);
  const segments = createSegments(blobs, sequence);
  const rollups = createRollups(blobs, `${folder}/rollups`, segments);
  const newNonce = (): string => bytesToHex(random.bytes(NONCE));
  let seen: Tail | null = null;
  let generation = 0;
  /** What was read last: pages end within it. */
  let last: Block | null = null;

  function advance(found: Tail): Tail {
    if (seen === null || found.number >= seen.number) seen = found;
    return seen;
  }

  async function isThere({ number, nonce }: Tail): Promise<boolean> {
    const began = generation;
    const found = await segments.again(number);
    if (generation !== began) return false; // another call found out
    if (found?.nonce === nonce) return true;
    [seen, last] = [null, null];
    generation += 1;
    segments.forget();
    rollups.forget();
    return false;
  }

  async function locate(): Promise<Tail | null> {
    const number = await sequence.newest();
    if (number < 0) return null;
    return advance(await tailAt(number));
  }

  async function tailAt(number: number): Promise<Tail> {
    const info = await segments.next(number);
    if (info === null) throw damaged(sequence.name(number), 'it vanished');
    return tailOf(number, info);
  }

  async function refresh(): Promise<Tail | null> {
    let at = seen;
    /** Of the segment behind `at`, where it was asked for already. */
    let next: SegmentInfo | null | undefined;
    if (at !== null) {
      const [stands, found] = await Promise.all([isThere(at), segments.next(at.number + 1)]);
      if (stands) next = found;
      else at = null;
    }
    at ??= await locate();
    for (let step = 1; at !== null; step += 1) {
      next = next === undefined ? await segments.next(at.number + 1) : next;
      if (next === null) return advance(at);
      if (next.first !== at.head.position + 1) throw damaged(sequence.name(at.number + 1), 'it does not continue the one before it');
      at = tailOf(at.number + 1, next);
      if (step % STEPS === 0) at = await tailAt(await sequence.newestFrom(at.number));
      next = undefined;
    }
    return null;
  }

  async function recent(): Promise<Tail | null> {
    return seen ?? refresh();
  }

  /** The segment that holds `position`, which is not beyond the tail; or one without records before it. About log n requests. */
  async function numberOf(position: number, until: number): Promise<number> {
    let [low, high] = [0, until];
    for (const [number, { first, head }] of segments.known) {
      if (number > until) continue;
      if (first <= position && number > low) low = number;
      if (head.position >= position && number < high) high = number;
    }
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((await tailedInfo(middle)).first <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  async function tailedInfo(number: number): Promise<SegmentInfo> {
    const info = await segments.info(number);
    if (info === null) throw damaged(sequence.name(number), 'it is missing, though later ones are there');
    return info;
  }

  /** The segment or rollup at `number`, which continues `position`. */
  async function blockAt(number: number, until: number, position: number): Promise<Block> {
    const rolled = await rollups.at(number, until, position);
    if (rolled !== null) return rolled;
    if (number < until && !(segments.known.has(number) && segments.known.has(number + 1))) {
      const ahead = Array.from({ length: Math.min(PREFETCH, until - number + 1) }, (_, at) => number + at);
      await mapAtOnce(ahead, (each) => segments.small(each));
    }
    return { segment: await segments.whole(number), next: number + 1 };
  }

  /** The one that holds `position`, which is not beyond the tail. */
  async function blockOf(position: number, { number: until }: Tail): Promise<Block> {
    if (last !== null) {
      const { first, head } = last.segment.info;
      if (position >= first && position <= head.position) return last;
      if (position === head.position + 1) return blockAt(last.next, until, position);
    }
    return blockAt(await numberOf(position, until), until, position);
  }

  /** What does not fit together may be of two logs, where the bucket was restored since we looked; or a rollup may be wrong. */
  async function read(from: number, limit: ReadLimit): Promise<ReadAnswer> {
    const began = generation;
    try {
      return await readPage(from, limit);
    } catch (error) {
      if (!(error instanceof RemoteError) || error.type !== 'protocol') throw error;
      await refresh();
      if (generation === began && !rollups.ignore()) throw error;
      last = null;
      return read(from, limit);
    }
  }

  async function readPage(from: number, limit: ReadLimit): Promise<ReadAnswer> {
    let isFresh = seen === null || from > seen.head.position;
    let tail = isFresh ? await refresh() : await recent();
    const records: Uint8Array[] = [];
    let [bytes, next] = [0, from];
    let block: Block | null = null;
    while (tail !== null) {
      if (next > tail.head.position) {
        if (isFresh) break;
        const began = generation;
        tail = await refresh();
        isFresh = true;
        // What was read is of another log than there is.
        if (generation !== began) return readPage(from, limit);
        continue;
      }
      block = block === null ? await blockOf(next, tail) : await blockAt(block.next, tail.number, next);
      last = block;
      const { info, records: found } = block.segment;
      if (next < info.first) throw damaged(sequence.name(block.next - 1), `position ${next} is in none before it`);
      for (const record of found.slice(next - info.first)) {
        bytes += record.length;
        if (records.length === limit.records || (records.length > 0 && bytes > limit.bytes)) return { records, head: tail.head };
        records.push(record);
        next += 1;
      }
    }
    return { records, head: tail?.head ?? null };
  }

  async function put(tail: Tail | null, info: SegmentInfo, segment: Segment, bytes: Buffer): Promise<Tail | null> {
    const number = (tail?.number ?? -1) + 1;
    if (!(await sequence.create(number, bytes))) return null;
    segments.keep(number, segment, bytes.length);
    const made = advance(tailOf(number, info));
    await rollups.completed(number);
    return made;
  }

  return {
    refresh,
    recent,
    isThere,
    get generation() {
      return generation;
    },
    segment: (number) => segments.whole(number),
    nameOf: (number) => sequence.name(number),
    read,
    async append(tail, records) {
      const encoded = records.map(encodeRecord);
      const info: SegmentInfo = {
        first: (tail?.head.position ?? -1) + 1,
        head: headAfter(records.at(-1) as LogRecord),
        dropBefore: tail?.dropAt ?? null,
        nonce: newNonce(),
      };
      return put(tail, info, { info, records: encoded, dropped: [] }, encodeSegment(info, encoded));
    },
    async drop(tail, dropped) {
      const info: SegmentInfo = { first: tail.head.position + 1, head: tail.head, dropBefore: tail.dropAt, nonce: newNonce() };
      return put(tail, info, { info, records: [], dropped }, encodeDropSegment(info, dropped));
    },
  };
}

function tailOf(number: number, info: SegmentInfo): Tail {
  return { number, head: info.head, dropAt: isDrop(info) ? number : info.dropBefore, nonce: info.nonce };
}

/** Of a name that was taken, whose blob cannot be seen. */
export function notSeenYet(): RemoteError {
  return new RemoteError('unreachable', 'another machine was faster, and what it wrote cannot be seen yet: try again');
}
