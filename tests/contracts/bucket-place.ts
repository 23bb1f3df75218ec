import { randomBytes } from 'node:crypto';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { createBucket, openBucketRemote } from '../../src/remotes/bucket/open.ts';
import type { RemoteUnderTest } from './remote.ts';
import { createTestClock } from './test-clock.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };
/** So often tests look, ms. */
const BATCH = 50;

/** Over HTTP each takes some milliseconds of CPU, on both sides. */
const MANY_OBJECTS = 100;

/** An empty bucket as a place for the suite of remotes. */
export async function bucketPlace(
  open: () => Blobs | Promise<Blobs>,
  dispose: () => Promise<void> = async () => {},
): Promise<RemoteUnderTest> {
  const clock = createTestClock();
  const blobs = await open();
  await createBucket(blobs, random, BATCH);
  await blobs.close();
  return { open: async () => openBucketRemote(await open(), { clock, random }), clock, manyObjects: MANY_OBJECTS, dispose };
}
