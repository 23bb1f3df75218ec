import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import { decodeRecord, type Head } from '../../core/log/record.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Random } from '../../core/ports/random.ts';
import type { AppendOutcome, Segment } from '../../core/ports/remote.ts';
import { checkSegment, objectsNamed } from '../checks.ts';
import { deletableObjects, type ReadableLog } from '../deletable-objects.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import { createBucketCheckpoints, type BucketCheckpoints } from './bucket-checkpoints.ts';
import { createBucketLog, notSeenYet, type BucketLog, type Tail } from './bucket-log.ts';
import { createBucketObjects, type BucketObjects } from './bucket-objects.ts';
import { createDrops } from './drops.ts';

/** One space in a bucket. */
export interface BucketSpace {
  readonly log: BucketLog;
  readonly objects: BucketObjects;
  readonly checkpoints: BucketCheckpoints;
  /** Looks at the log, so that deletions are known. */
  follow(): Promise<void>;
  append(expected: Head, segment: Segment): Promise<AppendOutcome>;
  deleteObjects(ids: readonly ObjectId[]): Promise<void>;
}

export interface BucketSpaceDeps {
  readonly random: Random;
  /** Before a log is made. */
  readonly prepare: (space: SpaceId) => Promise<void>;
  /** Between the checks of an append and the append itself. */
  readonly pace: (segment: Segment) => Promise<void>;
}

export function createBucketSpace(blobs: Blobs, space: SpaceId, { random, prepare, pace }: BucketSpaceDeps): BucketSpace {
  const folder = `spaces/${space}`;
  const log = createBucketLog(blobs, folder, random);
  const drops = createDrops(log);
  const objects = createBucketObjects(blobs, folder, drops);
  const controls = createControls(log);
  let of = log.generation;

  async function followed(tail: Tail | null): Promise<Tail | null> {
    if (of !== log.generation) {
      objects.forget();
      of = log.generation;
    }
    await drops.follow(tail);
    return tail;
  }

  /** Puts objects, and answers which of `named` are there as of `tail`. */
  async function bringObjects(tail: Tail | null, along: readonly SealedObject[], named: readonly ObjectId[]): Promise<Set<ObjectId>> {
    await followed(tail);
    await objects.put(along);
    return objects.has(named);
  }

  /** The tail, if the log ends in `expected`: `undefined` where it does not. */
  async function behind(expected: Head): Promise<Tail | null | undefined> {
    const fits = (tail: Tail | null): boolean => (tail === null ? expected.position === -1 : tail.head.hash === expected.hash);
    const recent = await log.recent();
    if (fits(recent)) return recent;
    const now = await log.refresh();
    return fits(now) ? now : undefined;
  }

  return {
    log,
    objects,
    checkpoints: createBucketCheckpoints(blobs, folder, random),
    async follow() {
      await followed(await log.refresh());
    },
    async append(expected, segment) {
      const records = checkSegment(space, expected, segment);
      const named = objectsNamed(records, segment.gone);
      for (let tail = await behind(expected); tail !== undefined; tail = await behind(expected)) {
        if (tail === null) await prepare(space);
        const [stands, brought] = await Promise.allSettled([
          tail === null || log.isThere(tail),
          bringObjects(tail, segment.objects, named),
        ]);
        if (stands.status === 'rejected') throw stands.reason;
        // Whatever was found is of another bucket than there is.
        if (!stands.value) continue;
        if (brought.status === 'rejected') throw brought.reason;
        const present = brought.value;
        if (present.size < named.length) return { type: 'missing-objects', ids: named.filter((id) => !present.has(id)) };
        await pace(segment);
        const made = await log.append(
          tail,
          records.map(({ record }) => record),
        );
        if (made !== null) return { type: 'appended', head: made.head };
        // Another one was faster. Where it only took objects away, the head is the same, and we look at ours again.
        if ((await log.refresh())?.number === tail?.number) throw notSeenYet();
      }
      const limit = { records: REMOTE_LIMITS.missingRecords, bytes: REMOTE_LIMITS.missingBytes };
      const answer = await log.read(expected.position + 1, limit);
      return { type: 'moved', head: answer.head, missing: answer.records };
    },
    async deleteObjects(ids) {
      for (;;) {
        const tail = await followed(await log.refresh());
        const here = await objects.has(ids);
        const deletable = [...(await deletableObjects(controls, space, here)).keys()];
        // What was dropped before may lie there still, if whoever dropped it was interrupted.
        const before = ids.filter((id) => drops.generation(id) > 0);
        await objects.remove(before.map((id) => ({ id, generation: drops.generation(id) - 1 })));
        if (tail === null || deletable.length === 0) return;
        const dropped = deletable.map((id) => ({ id, generation: drops.generation(id) }));
        const made = await log.drop(tail, dropped);
        if (made === null) continue; // a record that came meanwhile may name one again
        await followed(made);
        await objects.remove(dropped);
        return;
      }
    },
  };
}

/** The log for a look at its control records, which are kept: all of it is read once. */
function createControls(log: BucketLog): ReadableLog {
  let found: Uint8Array[] = [];
  let next = 0;
  let of = log.generation;
  const read = async (from: number): Promise<readonly Uint8Array[]> =>
    (await log.read(from, { records: REMOTE_LIMITS.readRecords, bytes: REMOTE_LIMITS.readBytes })).records;
  return {
    read,
    async controls() {
      for (;;) {
        if (of !== log.generation) [found, next, of] = [[], 0, log.generation];
        const from = next;
        const page = await read(from);
        if (page.length === 0) return [...found];
        if (next !== from) continue; // another call was here meanwhile
        for (const bytes of page) {
          const record = decodeRecord(bytes);
          if (record.ok && record.value.header.type === 'control') found.push(bytes);
        }
        next += page.length;
      }
    },
  };
}
