import { createMemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import { describeBlobsContract } from './blobs.ts';

describeBlobsContract('memory', async () => {
  const bucket = createMemoryBucket();
  return { open: () => bucket.open(), dispose: async () => {} };
});
