import { createMemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import { describeBlobsContract } from './blobs.ts';

describeBlobsContract('memory', async () => ({ open: createMemoryBucket().open, dispose: async () => {} }));
