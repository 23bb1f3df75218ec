import { createMemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import { bucketSubject } from './bucket-subject.ts';
import { describeObjectsContract } from './objects.ts';

const SIZES = { 'bucket in memory': {}, 'bucket in memory, of small packs': { packBytes: 5_000, inlineBytes: 300, snapshotEvery: 4 } };

for (const [name, sizes] of Object.entries(SIZES)) {
  describeObjectsContract(name, () => {
    const bucket = createMemoryBucket({ lagging: () => true });
    return bucketSubject(
      () => bucket.open(),
      async () => {},
      sizes,
    );
  });
}
