import { createMemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import { bucketPlace } from './bucket-place.ts';
import { describeRemoteContract } from './remote.ts';

describeRemoteContract('bucket in memory, with listings that lag', async () => {
  const bucket = createMemoryBucket({ lagging: () => true });
  const { manyObjects: _fewer, ...place } = await bucketPlace(() => bucket.open());
  return place;
});
