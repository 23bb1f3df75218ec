import { createMemoryBucket, type MemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { createBucket, openBucketRemote } from '../../src/remotes/bucket/open.ts';
import { MARKER } from '../../src/remotes/bucket/marker.ts';
import { createFaultyBlobs } from '../doubles/faulty-blobs.ts';
import type { PlaceDeps, SimPlace } from './places.ts';

/**
 * A bucket without a server: each process has a connection of its own, with what it remembers of it, and its requests to
 * the bucket fail one by one, in the middle of an append too. Listings lag for ever.
 */
export async function openBucketPlace({ address, random, now, archive }: PlaceDeps): Promise<SimPlace> {
  const clock = { now, sleep: async () => undefined };
  const fresh = (): MemoryBucket => createMemoryBucket({ address, lagging: () => true });
  let bucket = fresh();
  const blobs = (): Blobs => forwarding(() => bucket.open(), address);
  await createBucket(blobs(), random, 0);
  const open = (source: Blobs): Remote => archiving(connecting(address, () => openBucketRemote(source, { clock, random })));

  return {
    address,
    isServed: false,
    get remote() {
      return open(blobs());
    },
    connect: (loss) =>
      open(
        createFaultyBlobs(blobs(), () => {
          const isLost = random.chance(loss());
          return !isLost ? null : random.chance(0.5) ? 'request' : 'answer';
        }),
      ),
    async holds(space, ids) {
      const all = blobs();
      const found = await Promise.all(
        ids.map(async (id) => {
          for (const suffix of ['', '.1', '.2', '.3']) if ((await all.size(`spaces/${space}/objects/${id}${suffix}`)) !== null) return id;
          return null;
        }),
      );
      return found.filter((id) => id !== null);
    },
    async clear() {
      const marker = (await blobs().read(MARKER)) as Uint8Array;
      bucket = fresh();
      await blobs().write(MARKER, marker);
    },
  };

  function archiving(remote: Remote): Remote {
    return {
      ...remote,
      async putObjects(space, objects) {
        await archive.put(space, objects);
        await remote.putObjects(space, objects);
      },
      async append(space, expected, segment) {
        await archive.put(space, segment.objects);
        return remote.append(space, expected, segment);
      },
    };
  }
}

/** Always those of the bucket that is there now. */
function forwarding(now: () => Blobs, address: string): Blobs {
  return {
    address,
    create: (name, bytes) => now().create(name, bytes),
    write: (name, bytes) => now().write(name, bytes),
    read: (name, part) => now().read(name, part),
    size: (name) => now().size(name),
    list: (prefix, query) => now().list(prefix, query),
    remove: (names) => now().remove(names),
    close: async () => undefined,
  };
}

/** Opens it with the first call, and with each one until that works. */
function connecting(address: string, open: () => Promise<Remote>): Remote {
  let opening: Promise<Remote> | null = null;
  const opened = async (): Promise<Remote> => {
    opening ??= open();
    try {
      return await opening;
    } catch (error) {
      opening = null;
      throw error;
    }
  };
  return {
    address,
    spaces: async () => (await opened()).spaces(),
    head: async (space) => (await opened()).head(space),
    read: async (space, from, limit) => (await opened()).read(space, from, limit),
    append: async (space, expected, segment) => (await opened()).append(space, expected, segment),
    hasObjects: async (space, ids) => (await opened()).hasObjects(space, ids),
    putObjects: async (space, objects) => (await opened()).putObjects(space, objects),
    getObjects: async (space, ids) => (await opened()).getObjects(space, ids),
    deleteObjects: async (space, ids) => (await opened()).deleteObjects(space, ids),
    readCheckpoint: async (space) => (await opened()).readCheckpoint(space),
    writeCheckpoint: async (space, position, bytes) => (await opened()).writeCheckpoint(space, position, bytes),
    mailboxes: {
      post: async (mailbox, slot, letter, expires) => (await opened()).mailboxes.post(mailbox, slot, letter, expires),
      read: async (mailbox, slot) => (await opened()).mailboxes.read(mailbox, slot),
      slots: async (mailbox) => (await opened()).mailboxes.slots(mailbox),
      remove: async (mailbox) => (await opened()).mailboxes.remove(mailbox),
    },
    watch: async (spaces, onHead, signal) => (await opened()).watch(spaces, onHead, signal),
    close: async () => (await opened()).close(),
  };
}
