import { randomBytes } from 'node:crypto';
import { createMemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import { createBucket, openBucketRemote } from '../../src/remotes/bucket/open.ts';
import { describeRemoteContract } from './remote.ts';
import { createTestClock } from './test-clock.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };

describeRemoteContract('bucket in memory, with listings that lag', async () => {
  const bucket = createMemoryBucket({ lagging: () => true });
  const clock = createTestClock();
  await createBucket(bucket.open(), random, 50);
  return {
    open: () => openBucketRemote(bucket.open(), { clock, random }),
    clock,
    dispose: async () => undefined,
  };
});
