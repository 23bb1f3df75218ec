import type { ObjectId, SpaceId } from '../../core/ids.ts';
import type { Head } from '../../core/log/record.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { PlaceLost, RemoteError, type Mailboxes, type Remote } from '../../core/ports/remote.ts';
import { checkObjectIds, checkObjects, checkRead, checkSpace } from '../checks.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import { mapAtOnce } from './at-once.ts';
import { createBucketMailboxes } from './bucket-mailboxes.ts';
import { createBucketSpace, type BucketSpace } from './bucket-space.ts';
import { watchHeads } from './bucket-watch.ts';
import { BATCH_EVERY, noMarker, readMarker, writeMarker, type BucketMarker } from './marker.ts';
import { createPace, type Pace } from './pace.ts';
import { createSpaceRegister } from './space-register.ts';

interface PacedSpace extends BucketSpace {
  readonly pace: Pace;
}

export interface BucketDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Makes a bucket a remote, if it is none already. The caller has seen that its `create` decides races. Answers the marker
 * that is there (`isNew`: it was none before), whose batch interval is another one than `batchEvery` (milliseconds) where somebody else was first.
 */
export async function createBucket(
  blobs: Blobs,
  random: Random,
  batchEvery = BATCH_EVERY,
): Promise<BucketMarker & { readonly isNew: boolean }> {
  const there = await readMarker(blobs);
  return there === null ? { ...(await writeMarker(blobs, random, batchEvery)), isNew: true } : { ...there, isNew: false };
}

/**
 * A bucket (or a prefix in one) as a remote: many machines write at once without a server. Layout: docs/formats-bucket.md.
 * Takes `blobs` over: they are closed with the remote, or when this rejects, as `unreachable` where there is no marker.
 */
export async function openBucketRemote(blobs: Blobs, { clock, random }: BucketDeps): Promise<Remote> {
  const marker = await readMarker(blobs).catch(async (error: unknown) => {
    await blobs.close();
    throw error;
  });
  if (marker === null) {
    await blobs.close();
    throw noMarker(blobs.address);
  }
  const { id, batchEvery } = marker;
  const spaces = new Map<SpaceId, PacedSpace>();
  const register = createSpaceRegister(blobs, random);
  const closed = new AbortController();
  const watching = new Set<() => void>();

  /** A wrong or emptied prefix must not look like an empty log. */
  async function confirm(): Promise<void> {
    const now = await readMarker(blobs);
    if (now === null) throw noMarker(blobs.address);
    if (now.id !== id) throw new PlaceLost(`another bucket is at ${blobs.address} now, or it was made anew`);
  }

  function spaceOf(space: SpaceId): PacedSpace {
    checkSpace(space);
    const kept = spaces.get(space);
    if (kept !== undefined) return kept;
    const pace = createPace(clock, batchEvery);
    const made = createBucketSpace(blobs, space, {
      random,
      pace: (segment) => pace.wait(segment),
      async prepare() {
        await confirm();
        await register.add(space);
      },
    });
    const counted: PacedSpace = {
      ...made,
      pace,
      async append(expected, segment) {
        const outcome = await made.append(expected, segment);
        if (outcome.type === 'appended') pace.sent();
        if (outcome.type === 'appended') for (const wake of watching) wake();
        if (outcome.type === 'moved' && outcome.head === null) await confirm();
        return outcome;
      },
    };
    spaces.set(space, counted);
    return counted;
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    if (closed.signal.aborted) throw new RemoteError('unreachable', `${blobs.address} was closed`);
    return work();
  }

  async function headOf(space: SpaceId): Promise<Head | null> {
    return guarded(async () => {
      const tail = await spaceOf(space).log.refresh();
      if (tail === null) await confirm();
      return tail?.head ?? null;
    });
  }

  async function getObjects(space: SpaceId, ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>> {
    const inside = spaceOf(space);
    const found = await inside.objects.get(ids);
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    // They may have been put again, behind a deletion that is not known here.
    await inside.follow();
    for (const [id, bytes] of await inside.objects.get(missing)) found.set(id, bytes);
    return found;
  }

  return {
    address: blobs.address,
    spaces: () =>
      guarded(async () => {
        await confirm();
        const listed = await register.list();
        const begun = await mapAtOnce(listed, async (space) => (await spaceOf(space).log.recent()) !== null);
        return listed.filter((_, at) => begun[at]);
      }),
    head: headOf,
    read: (space, from, limit) =>
      guarded(async () => {
        const answer = await spaceOf(space).log.read(from, checkRead(from, limit));
        if (answer.head === null) await confirm();
        return answer;
      }),
    append: (space, expected, segment) => guarded(() => spaceOf(space).append(expected, segment)),
    hasObjects: (space, ids) =>
      guarded(async () => {
        const inside = spaceOf(space);
        checkObjectIds(ids);
        if (ids.length === 0) return new Set();
        await inside.follow();
        return inside.objects.look(ids);
      }),
    putObjects: (space, batch) =>
      guarded(async () => {
        const inside = spaceOf(space);
        checkObjects(batch, REMOTE_LIMITS.objectBatchBytes);
        if (batch.length === 0) return;
        await inside.follow();
        await inside.objects.put(batch);
        inside.pace.brought(batch);
      }),
    getObjects: (space, ids) =>
      guarded(async () => {
        spaceOf(space);
        checkObjectIds(ids, REMOTE_LIMITS.objectIdsPerGet);
        return getObjects(space, ids);
      }),
    deleteObjects: (space, ids) =>
      guarded(async () => {
        spaceOf(space);
        checkObjectIds(ids, REMOTE_LIMITS.objectIdsPerDelete);
        await spaceOf(space).deleteObjects(ids);
      }),
    readCheckpoint: (space) => guarded(async () => spaceOf(space).checkpoints.read()),
    writeCheckpoint: (space, position, bytes) => guarded(async () => spaceOf(space).checkpoints.write(position, bytes)),
    mailboxes: guardedMailboxes(createBucketMailboxes(blobs, clock, random), guarded),
    async watch(watched, onHead, signal) {
      const onActivity = (wake: () => void): (() => void) => {
        watching.add(wake);
        return () => watching.delete(wake);
      };
      await watchHeads(watched, onHead, signal, { headOf, clock, batchEvery, onActivity, closed: closed.signal });
    },
    async close() {
      closed.abort();
      await blobs.close();
    },
  };
}

function guardedMailboxes(mailboxes: Mailboxes, guarded: <T>(work: () => Promise<T>) => Promise<T>): Mailboxes {
  return {
    post: (mailbox, slot, letter, expires) => guarded(() => mailboxes.post(mailbox, slot, letter, expires)),
    read: (mailbox, slot) => guarded(() => mailboxes.read(mailbox, slot)),
    slots: (mailbox) => guarded(() => mailboxes.slots(mailbox)),
    remove: (mailbox) => guarded(() => mailboxes.remove(mailbox)),
  };
}
