import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isHex32, type SpaceId } from '../../core/ids.ts';
import { decodeRecord, type Head } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { PlaceLost, RemoteError, type AppendOutcome, type Mailboxes, type Remote, type Segment } from '../../core/ports/remote.ts';
import { checkObjectIds, checkObjects, checkRead, checkSegment, checkSpace, objectsNamed } from '../checks.ts';
import { deletableObjects, type ReadableLog } from '../deletable-objects.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import { folderError, unless } from './errors.ts';
import { createFolderFiles } from './files.ts';
import { createFolderCheckpoints, type FolderCheckpoints } from './folder-checkpoints.ts';
import { createFolderLog, type FolderLog } from './folder-log.ts';
import { createFolderMailboxes } from './folder-mailboxes.ts';
import { createFolderObjects, type FolderObjects } from './folder-objects.ts';
import { watchHeads } from './folder-watch.ts';
import { MARKER, readMarker, writeMarker } from './marker.ts';
import { createPackDeletions } from './pack-deletions.ts';
import { createPackIndex } from './pack-index.ts';
import { probeFolder } from './probe.ts';
import { createSequence } from './sequence.ts';

export interface FolderDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds between looks at watched heads; 1,000 unless given. */
  readonly pollEvery?: number;
}

interface SpaceFolder {
  readonly log: FolderLog;
  readonly objects: FolderObjects;
  readonly checkpoints: FolderCheckpoints;
  /** Makes the space's own directories, before anything is written there. */
  readonly prepare: () => Promise<void>;
}

/** Makes a folder a remote, if it is fit for that and not one already. Answers its id. */
export async function createFolder(path: string, random: Random): Promise<string> {
  try {
    await probeFolder(path);
    return (await readMarker(path)) ?? (await writeMarker(path, random));
  } catch (error) {
    throw folderError(path, error);
  }
}

/**
 * A plain folder (a USB stick, a NAS) as a remote: many processes and machines write at once without a server. Layout: docs/formats-folder.md.
 * Rejects as `unreachable` where the folder or its marker is not there, now and in every later call.
 */
export async function openFolderRemote(path: string, { clock, random, pollEvery = 1_000 }: FolderDeps): Promise<Remote> {
  const folder = resolve(path);
  const temporary = join(folder, 'tmp');
  const files = createFolderFiles(temporary, random);
  const spaces = new Map<SpaceId, SpaceFolder>();
  const closed = new AbortController();

  const id = await readMarker(folder).catch((error: unknown) => {
    throw folderError(folder, error);
  });
  if (id === null) throw vanished(folder);

  /** An unplugged stick leaves an empty folder behind: what was not found there means nothing. */
  async function confirm(): Promise<void> {
    if (closed.signal.aborted) throw new RemoteError('unreachable', `${folder} was closed`);
    const now = await readMarker(folder);
    if (now === null) throw vanished(folder);
    if (now !== id) throw new PlaceLost(`another folder is at ${folder} now, or it was made anew`);
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      await confirm();
      const answer = await work().catch(async (error: unknown) => {
        await confirm();
        throw error;
      });
      await confirm();
      return answer;
    } catch (error) {
      throw folderError(folder, error);
    }
  }

  function folderOf(space: SpaceId): SpaceFolder {
    checkSpace(space);
    const kept = spaces.get(space);
    if (kept !== undefined) return kept;
    const home = join(folder, 'spaces', space);
    const objectsHome = join(home, 'objects');
    const packs = createSequence(files, join(objectsHome, 'packs'), 'pack');
    const made: SpaceFolder = {
      log: createFolderLog(createSequence(files, join(home, 'log'), 'seg')),
      objects: createFolderObjects(
        packs,
        createPackIndex(packs, files, join(objectsHome, 'index')),
        createPackDeletions(createSequence(files, join(objectsHome, 'deleted'), 'del'), files),
        files,
      ),
      checkpoints: createFolderCheckpoints(files, join(home, 'checkpoints')),
      prepare: async () => {
        await files.ensure(home);
        await files.ensure(objectsHome);
      },
    };
    spaces.set(space, made);
    return made;
  }

  async function append(space: SpaceId, expected: Head, segment: Segment): Promise<AppendOutcome> {
    const { log, objects, prepare } = folderOf(space);
    const records = checkSegment(space, expected, segment);
    const before = await log.head();
    if (before?.hash === expected.hash || (before === null && expected.position === -1)) {
      await prepare();
      await objects.put(segment.objects);
      const named = objectsNamed(records, segment.gone);
      const present = await objects.has(named);
      if (present.size < named.length) return { type: 'missing-objects', ids: named.filter((each) => !present.has(each)) };
      const head = await log.append(expected, records);
      if (head !== null) {
        // Someone may have deleted one between our look and our record, not seeing it.
        if ((await objects.has(named)).size < named.length) await objects.revive(named);
        return { type: 'appended', head };
      }
    }
    const limit = { records: REMOTE_LIMITS.missingRecords, bytes: REMOTE_LIMITS.missingBytes };
    const answer = await log.read(expected.position + 1, limit);
    return { type: 'moved', head: answer.head, missing: answer.records };
  }

  async function headOf(space: SpaceId): Promise<Head | null> {
    return guarded(() => folderOf(space).log.head());
  }

  await files.clean().catch((error: NodeJS.ErrnoException) => {
    // Of a reader too, who may not.
    if (!['ENOENT', 'EROFS', 'EACCES', 'EPERM'].includes(error.code ?? '')) throw folderError(folder, error);
  });
  return {
    address: `folder:${folder}`,
    spaces: () =>
      guarded(async () => {
        const names = await readdir(join(folder, 'spaces')).catch(unless('ENOENT'));
        return (names ?? []).filter(isHex32) as SpaceId[];
      }),
    head: headOf,
    read: (space, from, limit) => guarded(async () => folderOf(space).log.read(from, checkRead(from, limit))),
    append: (space, expected, segment) => guarded(() => append(space, expected, segment)),
    hasObjects: (space, ids) =>
      guarded(async () => {
        checkObjectIds(ids);
        return folderOf(space).objects.has(ids);
      }),
    putObjects: (space, batch) =>
      guarded(async () => {
        const { prepare, objects } = folderOf(space);
        checkObjects(batch, REMOTE_LIMITS.objectBatchBytes);
        await prepare();
        await objects.put(batch);
      }),
    getObjects: (space, ids) =>
      guarded(async () => {
        checkObjectIds(ids, REMOTE_LIMITS.objectIdsPerGet);
        return folderOf(space).objects.get(ids);
      }),
    deleteObjects: (space, ids) =>
      guarded(async () => {
        checkObjectIds(ids, REMOTE_LIMITS.objectIdsPerDelete);
        const { log, objects, prepare } = folderOf(space);
        await objects.sweep(async (deleted) => new Set((await deletableObjects(readableLog(log), space, deleted)).keys()));
        const here = await objects.has(ids);
        if (here.size === 0) return;
        const deletable = [...(await deletableObjects(readableLog(log), space, here)).keys()];
        await prepare();
        await objects.delete(deletable);
        // A record that came meanwhile may name one again.
        const still = await deletableObjects(readableLog(log), space, deletable);
        await objects.revive(deletable.filter((id) => !still.has(id)));
      }),
    readCheckpoint: (space) => guarded(async () => folderOf(space).checkpoints.read()),
    writeCheckpoint: (space, position, bytes) =>
      guarded(async () => {
        const { prepare, checkpoints } = folderOf(space);
        await prepare();
        await checkpoints.write(position, bytes);
      }),
    mailboxes: guardedMailboxes(createFolderMailboxes(files, join(folder, 'mailboxes'), clock), guarded),
    async watch(watched, onHead, signal) {
      await watchHeads(watched, onHead, signal, { headOf, temporary, clock, pollEvery, closed: closed.signal });
    },
    async close() {
      closed.abort();
    },
  };
}

/** The log, for a look at its control records: all of it is read. */
function readableLog(log: FolderLog): ReadableLog {
  const read = async (from: number): Promise<readonly Uint8Array[]> =>
    (await log.read(from, { records: REMOTE_LIMITS.readRecords, bytes: REMOTE_LIMITS.readBytes })).records;
  return {
    read,
    async controls() {
      const controls: Uint8Array[] = [];
      for (let from = 0; ;) {
        const page = await read(from);
        if (page.length === 0) return controls;
        from += page.length;
        for (const bytes of page) {
          const record = decodeRecord(bytes);
          if (record.ok && record.value.header.type === 'control') controls.push(bytes);
        }
      }
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

function vanished(folder: string): RemoteError {
  return new RemoteError('unreachable', `${folder} holds no ${MARKER}: is the stick plugged in, the share mounted?`);
}
