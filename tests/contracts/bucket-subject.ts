import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { createSystemClock } from '../../src/node/system.ts';
import { createBucketObjects, type BucketObjectsOptions } from '../../src/store/bucket/bucket-objects.ts';
import type { ObjectsSubject } from './objects.ts';

/** A store of objects in an empty bucket, with its index in a temporary folder. */
export async function bucketSubject(
  open: () => Blobs | Promise<Blobs>,
  dispose: () => Promise<void>,
  sizes: Partial<BucketObjectsOptions> = {},
): Promise<ObjectsSubject> {
  const folder = await mkdtemp(join(tmpdir(), 'satchel-bucket-'));
  const random = { bytes: (length: number): Uint8Array => randomBytes(length) };
  const openStore = async () =>
    createBucketObjects({ blobs: await open(), index: join(folder, 'index.db'), random, clock: createSystemClock(), ...sizes });
  let store = await openStore();
  return {
    objects: store,
    async reopen() {
      await store.close();
      return (store = await openStore());
    },
    async dispose() {
      await store.close();
      await dispose();
      await rm(folder, { recursive: true });
    },
  };
}
