import type { Blobs } from '../core/ports/blobs.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ObjectStore } from '../core/ports/objects.ts';
import type { Random } from '../core/ports/random.ts';
import type { Store } from '../core/ports/store.ts';
import { createBucketObjects } from './bucket/bucket-objects.ts';
import { createFolderObjects } from './chunks/folder-objects.ts';
import { createMemoryObjects } from './chunks/memory-objects.ts';
import { createSqliteStore } from './sqlite/sqlite-store.ts';

/** The only list of store drivers. `location` is a path for those that keep files. */
const STORES = {
  sqlite: (location: string): Promise<Store> => createSqliteStore({ path: location }),
  memory: (): Promise<Store> => createSqliteStore({ path: ':memory:' }),
} as const;

/** The only list of drivers for objects. */
const OBJECTS = {
  folder: (location: string, { random }: ObjectsDeps): ObjectStore => createFolderObjects({ path: location, random }),
  memory: (): ObjectStore => createMemoryObjects(),
  s3: inBucket,
  azure: inBucket,
} as const;

export interface ObjectsDeps {
  readonly random: Random;
  readonly clock: Clock;
  /** For those in a bucket: the bucket, opened, and closed with the objects. */
  readonly blobs?: Blobs;
}

/** `location` is the file of the index that this node keeps of the bucket. */
function inBucket(location: string, { random, clock, blobs }: ObjectsDeps): ObjectStore {
  if (blobs === undefined) throw new Error('objects in a bucket need the bucket');
  return createBucketObjects({ blobs, index: location, random, clock });
}

/** Throws for a driver that is not in the list. */
export async function openStore(driver: string, location: string): Promise<Store> {
  return pick(STORES, driver, 'store')(location);
}

/** Throws for a driver that is not in the list. */
export function openObjects(driver: string, location: string, deps: ObjectsDeps): ObjectStore {
  return pick(OBJECTS, driver, 'object')(location, deps);
}

function pick<T>(drivers: Readonly<Record<string, T>>, name: string, what: string): T {
  const driver = Object.hasOwn(drivers, name) ? drivers[name] : undefined;
  if (driver === undefined) throw new Error(`unknown ${what} driver "${name}"; there are: ${Object.keys(drivers).join(', ')}`);
  return driver;
}
