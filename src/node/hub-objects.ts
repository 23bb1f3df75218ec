import path from 'node:path';
import { parseBlobsAddress, type BlobsAddress } from '../blobs/address.ts';
import { attachBlobs } from '../blobs/attach-blobs.ts';
import { openBlobs } from '../blobs/drivers.ts';
import type { RetryOptions } from '../blobs/retries.ts';
import type { Config } from '../config/config.ts';
import type { SealedObject } from '../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../core/ids.ts';
import type { Blobs } from '../core/ports/blobs.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ObjectStore } from '../core/ports/objects.ts';
import type { Random } from '../core/ports/random.ts';
import { RemoteError } from '../core/ports/remote.ts';
import { StoreUnavailable, type Store } from '../core/ports/store.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { shelfOf } from '../remotes/local-checkpoints.ts';
import { createBucketObjects } from '../store/bucket/bucket-objects.ts';
import { StoreUnusable } from '../store/store-unusable.ts';
import { addRemedy } from './add-remedy.ts';
import { withBucketTrouble } from './bucket-trouble.ts';
import { bucketTrouble, createBucketWatch, LOOK_RETRIES, type WatchedBucket } from './bucket-watch.ts';
import { bucketCredentials } from './bucket-credentials.ts';
import type { NodeHome } from './home.ts';
import type { KeptObjects } from './kept-store.ts';
import { renewedBlobs } from './renewed-blobs.ts';

export interface HubObjectsDeps {
  readonly config: Config;
  readonly home: NodeHome;
  readonly store: Store;
  /** Where objects are without a bucket. Closed where a bucket takes its place. */
  readonly builtIn: KeptObjects;
  /** Other processes may use what is built in, now. */
  readonly isShared: boolean;
  /** The bucket that was probed just now. */
  readonly probed: string | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: HubLog;
  /** Hears of a bucket that is the store's from now on. */
  readonly onBucket?: OnBucket | undefined;
}

/** How many bodies that the store had built in are in its first bucket by now; `isKept` once, when all are, and the store says that it is its bucket. */
export type OnBucket = (bucket: { readonly address: string; readonly copied: number; readonly isKept: boolean }) => void;

/** Not of the place, but of what is kept there: it goes along when the store is moved into a database. */
export const PLACE = { collection: 'hub-chunks', id: 'place' } as const;
const { collection: COLLECTION, id: ID } = PLACE;
const BATCH = 100;
const LOST_ENTRIES =
  'the bucket lost entries of the log of encrypted bodies: it goes on with the bodies that are known to be there, and the others are wanted of machines';
const OTHER_STATE =
  'the bucket is another state of itself, as one that was put back from a copy: it goes on with the bodies that are there, and the others are wanted of machines';
/** Clients wait for an answer meanwhile, and try again themselves. One request that is never answered leaves time for others. */
const RETRIES = { attempts: 6, patience: 20_000, attemptTime: 8_000 };
/** Milliseconds that a bucket which never answers is waited for at most when it is opened. */
export const BUCKET_LIMIT = RETRIES.patience + RETRIES.attemptTime;

/**
 * Where a hub's objects are: what is built into its store, or a bucket. The store says which, so that hubs that share it cannot
 * disagree; the first one to be given a bucket probes it, moves there what is built in, and writes it down. Throws
 * `StoreUnusable` with what is to be done, `StoreUnavailable` where the bucket does not answer.
 */
export async function openHubObjects(deps: HubObjectsDeps): Promise<KeptObjects> {
  const { config, builtIn } = deps;
  const asked = config.objects === undefined ? null : parsed(config.objects);
  const kept = await claim(deps, null);
  if (kept?.address === null && asked !== null) {
    throw new StoreUnusable(
      'refused',
      'hubs on this database keep chunks in it: a bucket is given to a database by the first hub that is started on it',
      undefined,
      'Leave --objects and SATCHEL_OBJECTS out. To have a bucket, start another hub with one, with a home and a database or schema (?schema=NAME) of its own, and move each space there: satchel spaces move --help',
    );
  }
  const text = kept?.address ?? config.objects;
  if (text === undefined) return builtIn;
  // Commands on the store of a hub that is stopped need not say that it is one.
  if (kept === undefined && !config.hub)
    throw refused('only a hub keeps chunks in a bucket, for others: satchel up --hub --objects ADDRESS; or set "hub": true');
  const address = parsed(text);
  if (kept !== undefined && asked !== null && asked.text !== address.text) {
    throw refused(
      `the chunks of this store are in ${address.text}, and it was told of another bucket: leave --objects and SATCHEL_OBJECTS out`,
    );
  }
  const blobs = await open(address, kept === undefined && deps.probed !== address.text, deps);
  const watched = await open(address, false, deps, LOOK_RETRIES);
  const known = async (): Promise<SpaceId[]> => {
    const spaces = await deps.store.read(({ logs }) => logs.spaces());
    return spaces.flatMap((each) => [each, shelfOf(each)]).filter((each) => bucket.knows(each));
  };
  const watch = createBucketWatch({ ...deps, blobs: watched, readOn: (space) => bucket.readOn(space), known });
  const bucket = createBucketObjects({
    ...deps,
    blobs,
    index: path.join(deps.home.root, 'bucket-index.db'),
    onLost: ({ space, entries, end, blobs: packs, objects }) => {
      const what = end === undefined ? { entries } : { ended: end.was, ends: end.is };
      deps.log.warn({ bucket: address.text, space, ...what, packs, objects }, end === undefined ? LOST_ENTRIES : OTHER_STATE);
      watch.lost(space);
    },
    onRead: (space, stopped) => watch.read(space, stopped),
  });
  const close = async (): Promise<void> => {
    await bucket.close();
    await watched.close();
  };
  try {
    if (kept === undefined) {
      const copied = await moveIn(bucket, deps, address.text);
      if ((await claim(deps, address.text))?.address !== address.text)
        throw refused('another hub gave this database another bucket just now');
      deps.onBucket?.({ address: address.text, copied, isKept: true });
    } else await refuseStranger(watch);
  } catch (error) {
    await close();
    throw explained(error);
  }
  await builtIn.close();
  return withBucketTrouble({ ...bucket, close }, watch);
}

/** A hub that its bucket does not let in does not begin. One whose bucket is away does: what it keeps apart from bodies is there. */
async function refuseStranger(watch: WatchedBucket): Promise<void> {
  try {
    await watch.ask();
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    if (error.reason !== 'unreachable') throw error.cause;
  }
}

/**
 * Whether the bucket that a hub is to be given will do, before anything is made for it: it is as it was afterwards. Its address. Throws as
 * {@link openHubObjects}.
 */
export async function probeNewBucket(config: Config, deps: Pick<HubObjectsDeps, 'clock' | 'random'>): Promise<string> {
  const address = parsed(config.objects ?? '');
  const blobs = await open(address, true, { config, ...deps });
  await blobs.close();
  return address.text;
}

function parsed(text: string): BlobsAddress {
  const address = parseBlobsAddress(text);
  if (!address.ok)
    throw new StoreUnusable(
      'misconfigured',
      `where bodies are kept (--objects, SATCHEL_OBJECTS, or objects in config.json): ${address.error}`,
    );
  return address.value;
}

async function open(
  address: BlobsAddress,
  isNew: boolean,
  { config, clock, random }: Pick<HubObjectsDeps, 'config' | 'clock' | 'random'>,
  retries: Partial<RetryOptions> = RETRIES,
): Promise<Blobs> {
  const { home, bucketVariables: variables } = config.environment;
  const sources = { home, variables };
  const credentials = await bucketCredentials(address, sources);
  if (!credentials.ok) throw new StoreUnusable(credentials.error.isOfFile ? 'misconfigured' : 'refused', credentials.error.message);
  const driver = { clock, random, retries };
  try {
    const blobs = await (isNew ? attachBlobs : openBlobs)(address, credentials.value, driver);
    return renewedBlobs(blobs, credentials.value, address, { sources, driver });
  } catch (error) {
    throw explained(error);
  }
}

interface Place {
  /** `null`: built in. */
  readonly address: string | null;
}

/**
 * What the store says, or says from now on where it said nothing. Where others share it, and this hub was given no bucket,
 * that is "built in": so that all of them look in one place from the first one's start on.
 */
async function claim({ config, store, isShared }: HubObjectsDeps, address: string | null): Promise<Place | undefined> {
  const kept = await store.read(({ documents }) => documents.get<Place>(COLLECTION, ID));
  if (kept !== undefined || (address === null && !(isShared && config.objects === undefined))) return kept;
  return store.write(async ({ documents }) => {
    const found = await documents.get<Place>(COLLECTION, ID);
    if (found !== undefined) return found;
    await documents.put(COLLECTION, ID, { address });
    return { address };
  });
}

/** What a store had built in goes along. Begun again after an interruption it sends what is missing. */
async function moveIn(objects: ObjectStore, { store, builtIn, log, onBucket }: HubObjectsDeps, address: string): Promise<number> {
  let all = 0;
  const spaces = await store.read(({ logs }) => logs.spaces());
  for (const space of spaces.flatMap((each) => [each, shelfOf(each)])) {
    let moved = 0;
    for await (const ids of idsOf(builtIn, space)) {
      const here = await objects.has(space, ids);
      const found = await builtIn.get(
        space,
        ids.filter((id) => !here.has(id)),
      );
      await objects.put(
        space,
        Array.from(found, ([id, bytes]): SealedObject => ({ id, bytes })),
      );
      moved += ids.length;
      all += ids.length;
      onBucket?.({ address, copied: all, isKept: false });
    }
    if (moved > 0) log.info({ space, objects: moved }, 'chunks were copied into the bucket');
  }
  return all;
}

/** A store that is restored from a backup has its chunks beside it, until it is given a bucket again. */
export function forgetBucket(store: Store): Promise<void> {
  return store.write(({ documents }) => documents.remove(COLLECTION, ID));
}

async function* idsOf(objects: ObjectStore, space: SpaceId): AsyncGenerator<ObjectId[]> {
  let ids: ObjectId[] = [];
  for await (const { id } of objects.list(space)) {
    ids.push(id);
    if (ids.length < BATCH) continue;
    yield ids;
    ids = [];
  }
  if (ids.length > 0) yield ids;
}

function explained(error: unknown): unknown {
  if (!(error instanceof RemoteError)) return error;
  if (error.type !== 'unreachable') return new StoreUnusable('refused', error.message, error, addRemedy('s3', error.type));
  return bucketTrouble(error);
}

function refused(message: string): StoreUnusable {
  return new StoreUnusable('refused', message);
}
